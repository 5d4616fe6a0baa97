// Package seal closes a process to the other processes of its user.
//
// By default they can read its memory, its environment and whatever its descriptors
// lead to by /proc. The process that runs a job has the job's user, so the job could.
package seal

// Package seal closes a process to the other processes of its user.
//
// By default they can read its memory, its environment and everything that its
// descriptors lead to, through /proc. The process that runs a job has the job's user,
// so the job could.
package seal

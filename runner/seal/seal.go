// Package seal closes a process to the other processes of its user.
//
// By default they read its memory, its environment and whatever its descriptors lead to
// by /proc. What runs a job has the job's user, so the job would.
package seal

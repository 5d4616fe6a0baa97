// Package container runs the one-machine platform's tasks as containers, and builds
// their images, through the Docker Engine API, which Podman speaks as well.
//
// A container gets the environment of its task, the class's CPU and memory, an init
// process and the engine's default capabilities, and nothing else: no volume, no socket
// of the engine, no privilege. It may gain privileges inside, because jobs use sudo.
//
// Surprisingly, containers outlive a fleet that is killed. Each carries labels by which
// the next fleet on the data directory finds it, even without its record, and is removed
// only when its end is recorded, so that an exit code is never lost. The engine keeps a
// container's log until then, from which the log file is written again after a restart.
package container

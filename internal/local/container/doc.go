// Package container launches the one-machine platform's tasks as containers, and builds
// their images, through the Docker Engine API, which Podman speaks as well. It speaks of
// tasks in the words of ECS.
//
// A container gets the environment of its task, the class's CPU and memory, an init
// process and the engine's default capabilities, and nothing else: no volume, no socket
// of the engine, no privilege. It may gain privileges inside, because jobs use sudo.
//
// What surprises: containers outlive a fleet that is killed. Each carries labels by which
// the next launcher on the data directory knows it, and is removed only when its end is
// recorded, so that an exit code is never lost. The engine keeps a container's log until
// then, from which the log file is written anew after a restart.
package container

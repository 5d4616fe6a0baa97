package entrypoint

// MostBetweenAsks is how much longer than fleet.HookWait a hook may wait.
const MostBetweenAsks = mostBetweenAsks

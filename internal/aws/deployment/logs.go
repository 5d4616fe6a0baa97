package deployment

// LogFolder begins the names of a fleet's log groups.
const LogFolder = "/ecsrunner/"

// BuildLogGroup is the log group of a fleet's image builds. Each has a stream named by
// the part of its id after the colon.
func BuildLogGroup(fleetName string) string { return LogFolder + fleetName + "/builds" }

// FunctionLogGroup is the log group of a fleet's function, by its folder below functions/.
func FunctionLogGroup(fleetName, function string) string {
	return LogFolder + fleetName + "/" + function
}

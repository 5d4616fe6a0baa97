package claim

import (
	"cmp"
	"strings"

	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/fleet"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/price"
)

// JobLog makes what a runner's hooks print from its record. flags are how commands find the
// fleet, beginning with a space, "" if that is not known; without a book of prices the runner
// is not on AWS.
func JobLog(flags string, book *price.Book) func(fleet.Runner) *fleet.JobLog {
	return func(r fleet.Runner) *fleet.JobLog {
		log := fleet.JobLog{
			RunnerID: r.RunnerID, RunID: cmp.Or(r.For, r.RunID), ClassName: r.ClassName, Image: r.Image, Digest: digestIn(r.Digest),
			Since: r.At(fleet.StageTaskStarted), Why: "ecsrunner why " + r.RunnerID + flags,
		}
		if r.Size == nil {
			return &log
		}
		log.CPU, log.Memory, log.Arch = r.Size.CPU, r.Size.Memory, r.Size.Arch
		if book != nil {
			log.Provider = r.Size.CapacityProvider(r.Rung)
			log.PerMinute, log.Estimated = book.Hour(*r.Size, log.Provider)/60, book.Estimated
		}
		return &log
	}
}

// JobLogOnAWS is JobLog for a fleet in a region, nil if its policy wants none.
func JobLogOnAWS(policy fleet.Policy, region string) func(fleet.Runner) *fleet.JobLog {
	if policy.NoJobLog {
		return nil
	}
	book := price.In(region)
	return JobLog("", &book) // whoever uses the construct names the stack
}

// digestIn is the digest in the name of an image, "" if it has none.
func digestIn(image string) string {
	_, digest, _ := strings.Cut(image, "@")
	return digest
}

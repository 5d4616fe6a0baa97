package simaws

import (
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/codebuild/types"

	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/simulation/kernel"
)

// CodeBuild is the fleet's four projects, and what their buildspec does.
type CodeBuild struct {
	// OnEvent gets each event of the default bus, in the order in which CodeBuild makes
	// them.
	OnEvent func(Event)
	// Release says which version of the runner a build finds if its order names
	// none; nil is always the same.
	Release func() string

	k   *kernel.Kernel
	cfg Config
	ecr *ECR

	buildIDs, eventIDs ids
	projects           map[string]*project
	all                []*build // in the order of their start
	builds             map[string]*build
	tokens             map[string]ordered
}

// project has machines of its own kind, and so a limit and a queue of its own
// (https://docs.aws.amazon.com/codebuild/latest/userguide/limits.html).
type project struct {
	name   string
	builds []*build // in the order of their start
	queue  []*build // those that have not begun
	active int      // those that have begun and not ended
}

// NewCodeBuild returns projects without builds, which push to the registry.
func NewCodeBuild(k *kernel.Kernel, cfg Config, r *ECR) *CodeBuild {
	c := &CodeBuild{
		k: k, cfg: cfg, ecr: r, buildIDs: ids{stream: "codebuild.build"}, eventIDs: ids{stream: "codebuild.event"},
		projects: map[string]*project{}, builds: map[string]*build{}, tokens: map[string]ordered{},
	}
	for _, name := range []string{cfg.Project, cfg.Project + "-arm64", cfg.Project + "-on-demand", cfg.Project + "-on-demand-arm64"} {
		c.projects[name] = &project{name: name}
	}
	return c
}

// call is one call of the API: it is throttled, or has its effect.
func (c *CodeBuild) call(what, operation string, effect func() error) error {
	return c.k.Call(what, func() error {
		if _, strikes := c.k.Strikes(CodeBuildThrottled, what); strikes {
			return refused("CodeBuild", operation, throttled())
		}
		return refused("CodeBuild", operation, effect())
	})
}

func (c *CodeBuild) limit() int { return max(1, c.cfg.ConcurrentBuilds) }

func notFound(what string) error {
	return &types.ResourceNotFoundException{Message: aws.String("The provided " + what + " does not exist.")}
}

// BuildView is the truth about a build, for those who check the world.
type BuildView struct {
	ID, Project, Status, Phase string
	Env                        map[string]string // what StartBuild set
	Digest                     string            // of the image that it pushed
	Reason                     string            // why it did not succeed
	StartedAt, EndedAt         time.Time         // EndedAt is zero: it has not
	BegunAt                    time.Time         // when it left the queue; zero: it has not
}

// Builds lists all builds that were ever started, in that order.
func (c *CodeBuild) Builds() []BuildView {
	views := make([]BuildView, len(c.all))
	for i, b := range c.all {
		views[i] = BuildView{
			ID: b.id, Project: b.project.name, Status: string(b.status), Phase: string(b.current().kind), Env: b.env,
			Digest: b.digest, Reason: b.reason(), StartedAt: b.started, EndedAt: b.ended, BegunAt: b.begun(),
		}
	}
	return views
}

// LastLines is the end of a build's log. It is one call of CloudWatch Logs.
func (c *CodeBuild) LastLines(_, stream string, most int) (lines []string, err error) {
	err = c.k.Call("logs.get_log_events", func() error {
		for _, b := range c.all {
			if strings.HasSuffix(b.id, ":"+stream) {
				lines = b.log
			}
		}
		return nil
	})
	return lines[max(0, len(lines)-most):], err
}

package simulation

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/goccy/go-yaml"

	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/fleet"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/simulation/kernel"
)

// Scenario is a workload, faults over time, and what is expected of the fleet. It is
// data that people read and write; docs/simulation.md describes its keys.
type Scenario struct {
	Name  string `yaml:"name"`
	About string `yaml:"about,omitempty"` // for whom it matters and why

	Fleet FleetConfig `yaml:"fleet,omitempty"`
	// Policy is that of a whole configuration, in place of what Fleet says of it.
	Policy *fleet.Policy  `yaml:"-"`
	Jobs   []Job          `yaml:"jobs"`
	Events []Event        `yaml:"events,omitempty"`
	Faults []kernel.Fault `yaml:"faults,omitempty"`
	// Lasts is how long the history runs, if it does not come to rest before.
	Lasts kernel.Duration `yaml:"lasts,omitempty"`
	// Settles is how long after its last trouble the fleet may take to come to rest; two
	// hours if it is zero.
	Settles kernel.Duration `yaml:"settles,omitempty"`

	Expect []string `yaml:"expect,omitempty"`
	// KnownFailure says which finding makes it fail today. It is an error if such a
	// scenario passes, or fails for another reason than ShowsAs.
	KnownFailure string   `yaml:"known_failure,omitempty"`
	ShowsAs      []string `yaml:"shows_as,omitempty"`
}

// FleetConfig is the part of the configuration that a scenario may choose.
type FleetConfig struct {
	Repositories []string `yaml:"repositories,omitempty"`        // octo/app if there is none
	Active       int      `yaml:"active_repositories,omitempty"` // so many more, over which jobs may be spread
	Quiet        int      `yaml:"quiet_repositories,omitempty"`  // so many more, in which nothing happens
	// Organization is served as a whole: the repositories, of which it is the owner, are not
	// in the configuration.
	Organization string `yaml:"organization,omitempty"`
	RunnerGroup  string `yaml:"runner_group,omitempty"` // of the organization, "" is the default group
	GitHubApp    bool   `yaml:"github_app,omitempty"`   // the fleet acts as one, not with a token
	// GitHubRepo is github_repo as the configuration has it; the repositories' names if empty.
	GitHubRepo      []string        `yaml:"github_repo,omitempty"`
	MaxRunners      int             `yaml:"max_runners,omitempty"` // 20 if it is zero
	Idle            kernel.Duration `yaml:"idle,omitempty"`
	Start           kernel.Duration `yaml:"start,omitempty"`
	MaxRuntime      kernel.Duration `yaml:"max_runtime,omitempty"`
	Inspect         kernel.Duration `yaml:"inspect,omitempty"`
	RunnerVersion   string          `yaml:"runner_version,omitempty"`
	RequestsPerHour int             `yaml:"requests_per_hour,omitempty"` // of the token; 5,000 if it is zero
	BuildTakes      kernel.Duration `yaml:"build_takes,omitempty"`       // three minutes if it is zero
	BuildsAtOnce    int             `yaml:"builds_at_once,omitempty"`    // on each architecture; two if it is zero
	ExtraImage      bool            `yaml:"extra_image,omitempty"`       // there is an extra image with the label gpu
	RequiredLabel   string          `yaml:"required_label,omitempty"`    // without it a job is not the fleet's
	Unbuilt         bool            `yaml:"unbuilt,omitempty"`           // the base image is not there at the beginning
	NoStatuses      bool            `yaml:"no_statuses,omitempty"`       // the token lacks Commit statuses: write
	SpotRetry       int             `yaml:"spot_retry,omitempty"`
	NoReruns        bool            `yaml:"no_reruns,omitempty"` // the token lacks Actions: write
	Rules           []fleet.Rule    `yaml:"policy,omitempty"`    // each condition as a list
	Warm            []WarmConfig    `yaml:"warm,omitempty"`
}

// Job is one job of the workload, or several alike.
type Job struct {
	At         kernel.Duration `yaml:"at,omitempty"`
	Count      int             `yaml:"count,omitempty"` // 1 if it is zero
	Every      kernel.Duration `yaml:"every,omitempty"` // between them
	Repository string          `yaml:"repository,omitempty"`
	Spread     bool            `yaml:"spread,omitempty"`   // over the active repositories, in turn
	Unpushed   bool            `yaml:"unpushed,omitempty"` // no push began its workflow run
	Labels     []string        `yaml:"labels,omitempty"`   // [self-hosted] if there are none; {n} is the job's number, from 1
	Takes      kernel.Duration `yaml:"takes,omitempty"`    // three minutes if it is zero
	Fails      bool            `yaml:"fails,omitempty"`
	// Run puts jobs of one name into one workflow run.
	Run         string          `yaml:"run,omitempty"`
	Concurrency string          `yaml:"concurrency,omitempty"`
	MaxParallel int             `yaml:"max_parallel,omitempty"`
	ApprovedAt  kernel.Duration `yaml:"approved_at,omitempty"` // it waits for its environment until then
	CancelledAt kernel.Duration `yaml:"cancelled_at,omitempty"`
	RerunAt     kernel.Duration `yaml:"rerun_at,omitempty"` // its workflow run, if that is over
	Hosted      bool            `yaml:"hosted,omitempty"`   // GitHub's own runners take it
}

// numberInLabel is what stands in labels for the number of a job among those alike.
const numberInLabel = "{n}"

// Event is something that a person does.
type Event struct {
	At kernel.Duration `yaml:"at,omitempty"`
	// Does is one of eventVerbs or groupVerbs.
	Does string `yaml:"does"`
	Of   string `yaml:"of,omitempty"`
	With string `yaml:"with,omitempty"`
}

var eventVerbs = []string{"rename", "foreign_runner", "copy_names", "replace_token", "new_runner_release", "deploy", "abort_execution", "delete_image"}

// groupVerbs do something to the fleet's runner group: open lets public repositories use it.
var groupVerbs = []string{"open_group", "close_group", "delete_group", "make_group"}

// ReadScenario reads a scenario and checks it as a whole.
func ReadScenario(text []byte) (Scenario, error) {
	var s Scenario
	d := yaml.NewDecoder(bytes.NewReader(text), yaml.Strict())
	if err := d.Decode(&s); err != nil {
		return s, fmt.Errorf("read the scenario: %w", err)
	}
	if err := s.check(); err != nil {
		return s, fmt.Errorf("scenario %q: %w", s.Name, err)
	}
	return s, nil
}

func (s Scenario) check() error {
	var problems []error
	problems = append(problems, CheckFaults(s.Faults))
	if s.Name == "" {
		problems = append(problems, errors.New("it has no name"))
	}
	if len(s.Jobs) == 0 && s.Lasts.Duration == 0 {
		problems = append(problems, errors.New("it has neither jobs nor a time that it lasts"))
	}
	for _, e := range s.Events {
		if verbs := slices.Concat(eventVerbs, groupVerbs); !slices.Contains(verbs, e.Does) {
			problems = append(problems, fmt.Errorf("event %q is not known; does is one of %s", e.Does, strings.Join(verbs, ", ")))
		}
		if slices.Contains(groupVerbs, e.Does) && s.Fleet.RunnerGroup == "" {
			problems = append(problems, fmt.Errorf("event %s needs fleet.runner_group", e.Does))
		}
		if known := s.repositories(); e.Does == "copy_names" && (e.Of == e.With || !slices.Contains(known, e.Of) || !slices.Contains(known, e.With)) {
			problems = append(problems, errors.New("event copy_names: of is the repository that copies, with the other one, both among fleet.repositories"))
		}
	}
	for _, j := range s.Jobs {
		if repository := cmp.Or(j.Repository, s.repositories()[0]); !slices.Contains(s.repositories(), repository) {
			problems = append(problems, fmt.Errorf("a job is of %s, which is not among fleet.repositories", repository))
		}
	}
	for _, c := range s.Fleet.Warm {
		problems = append(problems, c.check())
	}
	if _, err := s.Fleet.policy(s.repositories()).Pools(); err != nil {
		problems = append(problems, err)
	}
	if s.Fleet.Organization == "" && (s.Fleet.GitHubApp || s.Fleet.RunnerGroup != "") {
		problems = append(problems, errors.New("fleet.github_app and fleet.runner_group need fleet.organization"))
	}
	for _, text := range s.Expect {
		if _, err := parseExpectation(text); err != nil {
			problems = append(problems, err)
		}
	}
	if (s.KnownFailure == "") != (len(s.ShowsAs) == 0) {
		problems = append(problems, errors.New("known_failure and shows_as go together"))
	}
	return errors.Join(problems...)
}

// Write is the scenario as ReadScenario reads it.
func (s Scenario) Write() string {
	text, err := yaml.MarshalWithOptions(s, yaml.IndentSequence(true))
	if err != nil {
		panic(err) // plain values
	}
	return string(text)
}

func (s Scenario) repositories() []string {
	owner := cmp.Or(s.Fleet.Organization, "octo")
	names := s.Fleet.Repositories
	if len(names) == 0 {
		names = []string{owner + "/app"}
	}
	names = append(names[:len(names):len(names)], s.active()...)
	for i := range s.Fleet.Quiet {
		names = append(names, fmt.Sprintf("%s/quiet-%d", owner, i+1))
	}
	return names
}

// active are the active repositories.
func (s Scenario) active() (names []string) {
	for i := range s.Fleet.Active {
		names = append(names, fmt.Sprintf("%s/active-%d", cmp.Or(s.Fleet.Organization, "octo"), i+1))
	}
	return names
}

// policy is what the fleet decides by.
func (s Scenario) policy() fleet.Policy {
	if s.Policy != nil {
		return *s.Policy
	}
	return s.Fleet.policy(s.repositories())
}

func (f FleetConfig) policy(repositories []string) fleet.Policy {
	limits := fleet.DefaultLimits()
	for _, l := range []struct {
		to   *time.Duration
		from kernel.Duration
	}{
		{&limits.Idle, f.Idle}, {&limits.Start, f.Start}, {&limits.MaxRuntime, f.MaxRuntime}, {&limits.Inspect, f.Inspect},
	} {
		if l.from.Duration != 0 {
			*l.to = l.from.Duration
		}
	}
	if len(f.GitHubRepo) > 0 {
		repositories = f.GitHubRepo
	}
	if f.Organization != "" {
		repositories = nil
	}
	extra := map[string]string{}
	if f.ExtraImage {
		extra["gpu"] = "images/gpu/Dockerfile"
	}
	return fleet.Policy{
		FleetName: "fleet", Repositories: repositories, Organization: f.Organization, RunnerGroup: f.RunnerGroup, GitHubApp: f.GitHubApp, DefaultClass: "small", BaseImage: "latest",
		Classes: f.warmClasses(map[string]fleet.Class{
			"small": {CPU: 1024, Memory: 2048, Arch: fleet.X64},
			"large": {CPU: 4096, Memory: 8192, Arch: fleet.X64},
			"spot":  {CPU: 2048, Memory: 4096, Arch: fleet.X64, Spot: true},
		}),
		RequiredLabel: f.RequiredLabel, ExtraImages: extra, Registries: fleet.DefaultRegistries,
		MaxRunners: cmp.Or(f.MaxRunners, 20), RunnerVersion: cmp.Or(f.RunnerVersion, "latest"), SpotRetry: f.SpotRetry, Limits: limits, Rules: f.Rules,
		EnforcePolicy: len(f.Warm) > 0, // pools need it
	}
}

// lastTrouble is when nothing new happens any more: the last job has come, and the
// last fault and event are over. A fault without an end is not counted.
func (s Scenario) lastTrouble() (last time.Duration) {
	for _, f := range s.Faults {
		last = max(last, f.Until.Duration)
	}
	for _, e := range s.Events {
		last = max(last, e.At.Duration)
	}
	for _, c := range s.Fleet.Warm {
		last = max(last, c.Until.Duration)
	}
	last = max(last, s.lastJob())
	for _, j := range s.Jobs {
		last = max(last, j.ApprovedAt.Duration, j.CancelledAt.Duration, j.RerunAt.Duration)
	}
	return last
}

// faultsEnd is when the last fault ends, of those that end.
func (s Scenario) faultsEnd() (last time.Duration) {
	for _, f := range s.Faults {
		last = max(last, f.Until.Duration)
	}
	return last
}

// end is when the history ends at the latest.
func (s Scenario) end() time.Duration {
	if s.Lasts.Duration != 0 {
		return s.Lasts.Duration
	}
	const longest = 10 * 365 * 24 * time.Hour
	var work, inTurn time.Duration
	for _, j := range s.Jobs {
		work = min(work+time.Duration(max(j.Count, 1))*j.takes(), longest)
		inTurn += j.inTurn()
	}
	return s.lastTrouble() + max(inTurn, s.longestJob()+work/time.Duration(s.Fleet.leastAtOnce())) + cmp.Or(s.Settles.Duration, 2*time.Hour)
}

// lastJob is when the last job comes.
func (s Scenario) lastJob() (last time.Duration) {
	for _, j := range s.Jobs {
		last = max(last, j.At.Duration+time.Duration(max(j.Count-1, 0))*j.Every.Duration)
	}
	return last
}

// longestJob is how long the longest job takes.
func (s Scenario) longestJob() (longest time.Duration) {
	for _, j := range s.Jobs {
		longest = max(longest, j.takes())
	}
	return longest
}

// leastAtOnce is how many runners there may be at once, if all jobs are of the rule that
// has the fewest.
func (f FleetConfig) leastAtOnce() int {
	least := cmp.Or(f.MaxRunners, 20)
	for _, rule := range f.Rules {
		least = min(least, cmp.Or(rule.MaxRunners, least))
	}
	return least
}

// inTurn is how long the jobs take that GitHub gives out one after the other, or so many
// at once.
func (j Job) inTurn() time.Duration {
	atOnce := j.MaxParallel
	if j.Concurrency != "" {
		atOnce = 1
	}
	if atOnce == 0 {
		return 0
	}
	return time.Duration((max(j.Count, 1)+atOnce-1)/atOnce) * j.takes()
}

func (j Job) takes() time.Duration { return cmp.Or(j.Takes.Duration, 3*time.Minute) }

package fleet

import (
	"cmp"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"sort"
	"strings"
	"time"
	"unicode/utf8"
)

// GitHub's limits for labels: at most 100 on a runner (its API description),
// 256 characters each (actions/runner Validators.cs).
const (
	MaxLabels      = 100
	MaxLabelLength = 256
)

// Policy decides what jobs get. It is the part of the configuration that the
// decisions need. In JSON a time is a number of nanoseconds.
type Policy struct {
	FleetName        string            `json:"fleet_name"`
	Repositories     []string          `json:"repositories"`                // owner/name, compared ignoring case
	Organization     string            `json:"github_org,omitempty"`        // that runners are registered in; "" is each job's repository
	Enterprise       string            `json:"github_enterprise,omitempty"` // the same; one of the two at most
	RunnerGroup      string            `json:"runner_group,omitempty"`      // of either; "" is its default group
	AllowPublic      bool              `json:"allow_public,omitempty"`      // jobs of public repositories too
	GitHubApp        bool              `json:"github_app,omitempty"`        // the fleet acts as one, not with a token
	Classes          map[string]Class  `json:"classes,omitempty"`           // by lower-case name
	DefaultClass     string            `json:"default_class,omitempty"`
	BaseImage        string            `json:"base_image"`                    // runner_image_tag
	ExtraImages      map[string]string `json:"extra_images,omitempty"`        // label → Dockerfile path
	FleetLabels      []string          `json:"fleet_labels,omitempty"`        // further labels of this fleet's runners
	RequiredLabel    string            `json:"required_label,omitempty"`      // if set, only jobs with it are ours
	NoImages         string            `json:"no_images,omitempty"`           // why there is no image but the base image; "" if there are
	NoOnDemandImages string            `json:"no_on_demand_images,omitempty"` // why image: labels are refused; "" if they work
	Registries       []string          `json:"registries,omitempty"`          // that image: labels may name
	ImageSources     map[string]string `json:"image_sources,omitempty"`       // by SourceOf: the Source of the specs
	RunnerVersion    string            `json:"runner_version,omitempty"`      // of GitHub's runner: latest or pinned
	LogMiB           int               `json:"log_mib,omitempty"`             // of a runner's output; 0 is DefaultLogMiB
	MaxRunners       int               `json:"max_runners"`
	OnDemandBuilds   int               `json:"on_demand_builds_per_day,omitempty"`   // of images that the jobs of one repository name; 0 is as many as they want
	MaxPerRepository int               `json:"max_runners_per_repository,omitempty"` // 0 is Share's default
	Rules            []Rule            `json:"rules,omitempty"`                      // the first that fits decides
	EnforcePolicy    bool              `json:"enforce_policy,omitempty"`             // every runner's hook asks about its job
	NoJobLog         bool              `json:"no_job_log,omitempty"`                 // runners say nothing of themselves in the logs of their jobs
	Limits           Limits            `json:"limits"`
	RefusalStatus    RefusalStatus     `json:"refusal_status,omitempty"` // "" is RefusalStatusPrivate
	RefusalURL       string            `json:"refusal_url,omitempty"`    // of the page that refusals lead to; "" is the project's
	SpotRetry        int               `json:"spot_retry,omitempty"`     // how often jobs that Spot interrupted are run again: 0 or 1
}

// Fingerprint names the configuration: another one has another.
func (p Policy) Fingerprint() string {
	text, err := json.Marshal(p)
	if err != nil {
		panic(err) // plain values
	}
	return contentHash(string(text))
}

// BuildQueue is how long CodeBuild keeps a build in its queue. It would keep it for eight
// hours (https://docs.aws.amazon.com/codebuild/latest/userguide/limits.html), and its job
// with it.
const BuildQueue = time.Hour

// BuildWait is how long an execution waits for a build at most: a bit longer than CodeBuild
// lets it wait and run. One that gave up first would start a second build.
func (l Limits) BuildWait() time.Duration { return BuildQueue + l.Build + 10*time.Minute }

// Limits are the times that bound a runner's life. The configuration's keys have the names
// that their JSON has.
type Limits struct {
	Start      time.Duration `json:"start"`          // from RunTask until the runner has claimed
	Idle       time.Duration `json:"idle"`           // the longest silence before a job
	Inspect    time.Duration `json:"inspect"`        // how often a running job is looked at
	MaxRuntime time.Duration `json:"max_runtime"`    // of a job
	AfterJob   time.Duration `json:"after_job"`      // between two looks at a task that goes on after its job
	Queue      time.Duration `json:"queue" yaml:"-"` // GitHub gives a queued job up after 24 h: not configurable
	Build      time.Duration `json:"build"`          // of an image build
	// OnDemandBuild is that of an image that a job names; 0 is Build.
	OnDemandBuild time.Duration `json:"on_demand_build,omitempty"`
	BuildLease    time.Duration `json:"build_lease"` // the longest silence of a build
}

// DefaultLimits are the limits unless the configuration says otherwise.
func DefaultLimits() Limits {
	return Limits{
		Start:         15 * time.Minute,
		Idle:          5 * time.Minute,
		Inspect:       30 * time.Minute,
		MaxRuntime:    6 * time.Hour,
		AfterJob:      15 * time.Minute,
		Queue:         24 * time.Hour,
		Build:         time.Hour,
		OnDemandBuild: 20 * time.Minute,
		BuildLease:    15 * time.Minute,
	}
}

// Verdict is what policy says to a job.
type Verdict string

const (
	Admitted Verdict = "admitted"
	Refused  Verdict = "refused" // ours, and we say no: recorded with the reason
	Ignored  Verdict = "ignored" // not ours: nothing is spent

	// Undecided is said to a job of whose origin more must be known: it is ours.
	Undecided Verdict = "undecided"
)

// Decision is a verdict with the rule that led to it and a sentence for people.
type Decision struct {
	Verdict Verdict
	Rule    string
	Reason  string
	Class   string
	Size    Class
	Image   ImageSpec
	// FirstRung is where the job begins on its class's capacity ladder.
	FirstRung int
}

// Admit decides about a job from its labels and repository. It is a pure
// function: the same job and policy always get the same decision.
//
// A label that this fleet does not know means that the job is not ours: Ignored. One that can
// only have been meant to be ours, or that only looks like ours, is a mistake: Refused.
// A job whose labels are all ours but ask for what we will not or cannot give
// is Refused. The others are Admitted, unless one of the policy's rules refuses them or
// depends on what is not known of the job: Undecided.
func (p Policy) Admit(job Job) Decision {
	labels := NormalLabels(job.Labels)
	seen := allAsSeen(labels)
	if len(seen) == 0 {
		return ignored("labels.none", "the job has no labels")
	}
	if len(RunnerLabels(job)) > MaxLabels {
		return ignored("labels.too_many", "the job has %d labels; a runner can have at most %d, self-hosted among them", len(labels), MaxLabels)
	}
	if p.RequiredLabel != "" && !slices.Contains(seen, strings.ToLower(p.RequiredLabel)) {
		return ignored("labels.required", "the job lacks the label %q that this fleet requires", p.RequiredLabel)
	}
	if d, ok := p.unknown(labels); ok {
		return d
	}
	for _, l := range labels {
		if n := utf8.RuneCountInString(l); n > MaxLabelLength {
			return refused("labels.too_long", "label %s has %d characters; GitHub allows at most %d", QuoteShort(l), n, MaxLabelLength)
		}
		if strings.Contains(l, ",") {
			return refused("labels.comma", "label %s has a comma, which a runner's label cannot have", QuoteShort(l))
		}
	}
	for _, l := range job.Labels {
		if why := misread(l); why != "" {
			return refused("labels.text", "%s; GitHub matches labels as they are, and no runner would get the job", why)
		}
	}
	if !p.AllowPublic && !job.Private {
		return refused("repository.public", "%s is public, so anybody who opens a pull request could run code here; set allow_public_repositories: true if you want that", printable(job.Repository))
	}
	d := p.plan(labels, job.Labels)
	if d.Verdict != Admitted {
		return d
	}
	d.FirstRung = p.firstRung(job, d.Size)
	return p.judge(job, d)
}

// unknown decides about a job that has a label which is not this fleet's; ok is false if
// there is none. The job is ours if each such label can only have been meant to be one.
func (p Policy) unknown(labels []string) (d Decision, ok bool) {
	for _, l := range labels {
		text := asSeen(l)
		if text == "" || p.knows(text) {
			continue
		}
		says, near := p.nearest(text)
		if !near {
			return ignored("labels.unknown", "label %s is not one of this fleet's%s", QuoteShort(l), says), true
		}
		if !ok {
			d, ok = refused("labels.near", "label %s is not one of this fleet's%s", QuoteShort(l), says), true
		}
	}
	return d, ok
}

// plan finds what normal labels ask for; given are the labels as the workflow has them.
func (p Policy) plan(labels, given []string) Decision {
	d := Decision{Verdict: Admitted, Class: p.DefaultClass}
	var classes, images, archs []string
	for _, l := range labels {
		switch {
		case strings.HasPrefix(l, classPrefix):
			classes = append(classes, strings.TrimPrefix(l, classPrefix))
		case strings.HasPrefix(l, imagePrefix), p.ExtraImages[l] != "":
			images = append(images, l)
		case l == string(X64) || l == string(ARM64):
			archs = append(archs, l)
		}
	}
	for _, several := range []struct {
		what string
		got  []string
	}{{"classes", classes}, {"images", images}, {"architectures", archs}} {
		if len(several.got) > 1 {
			return refused("labels.several", "the job names %d %s (%s); name one", len(several.got), several.what, QuoteShort(strings.Join(several.got, ", ")))
		}
	}
	switch {
	case len(classes) == 1:
		d.Class = classes[0]
	case len(archs) == 1:
		d.Class = p.classFor(Arch(archs[0]))
	}
	size, ok := p.Classes[d.Class]
	if !ok {
		return refused("class.unknown", "class %s is not one of %s%s", QuoteShort(d.Class), strings.Join(p.classNames(), ", "), p.nearestClass(d.Class))
	}
	if size.Arch == "" {
		size.Arch = X64
	}
	if len(archs) == 1 && archs[0] != string(size.Arch) {
		if len(classes) == 0 { // then no class has the architecture
			return refused("class.arch", "the job asks for %s%s", archs[0], p.classesOf(Arch(archs[0])))
		}
		return refused("class.arch", "class %q is %s, and the job asks for %s%s", d.Class, size.Arch, archs[0], p.classesOf(Arch(archs[0])))
	}
	size.Warm = nil
	d.Size = size
	d.Image = p.spec(BaseImage, p.BaseImage, size.Arch)
	if len(images) == 1 {
		return p.withImage(d, images[0], given)
	}
	return d
}

// classFor is the class of a job that names an architecture and no class: the default
// class, or if that is of another architecture the smallest class of this one that has no
// less of anything, or else the largest. Of classes of one size it is one that runs on Spot
// only if the default class does, and then the first by name.
func (p Policy) classFor(arch Arch) string {
	names := p.classNamesOf(arch)
	if len(names) == 0 || slices.Contains(names, p.DefaultClass) {
		return p.DefaultClass
	}
	like := p.Classes[p.DefaultClass]
	size := func(a, b string) int {
		x, y := p.Classes[a], p.Classes[b]
		return cmp.Or(cmp.Compare(x.CPU, y.CPU), cmp.Compare(x.Memory, y.Memory), cmp.Compare(x.EphemeralStorage, y.EphemeralStorage))
	}
	alike := func(a, b string) int {
		if x, y := p.Classes[a].Spot == like.Spot, p.Classes[b].Spot == like.Spot; x != y {
			return map[bool]int{true: -1, false: 1}[x]
		}
		return cmp.Compare(a, b)
	}
	enough := slices.DeleteFunc(slices.Clone(names), func(name string) bool {
		c := p.Classes[name]
		return c.CPU < like.CPU || c.Memory < like.Memory || c.EphemeralStorage < like.EphemeralStorage
	})
	if len(enough) == 0 {
		return slices.MinFunc(names, func(a, b string) int { return cmp.Or(size(b, a), alike(a, b)) })
	}
	return slices.MinFunc(enough, func(a, b string) int { return cmp.Or(size(a, b), alike(a, b)) })
}

// classesOf says which classes have an architecture.
func (p Policy) classesOf(arch Arch) string {
	names := p.classNamesOf(arch)
	if len(names) == 0 {
		other := map[Arch]Arch{X64: ARM64, ARM64: X64}[arch]
		return fmt.Sprintf("; no class of this fleet is %s; did you mean %s?", arch, QuoteShort(string(other)))
	}
	return "; name a class that is: " + classPrefix + strings.Join(names, ", "+classPrefix)
}

func (p Policy) classNamesOf(arch Arch) []string {
	return slices.DeleteFunc(p.classNames(), func(name string) bool { return cmp.Or(p.Classes[name].Arch, X64) != arch })
}

func (p Policy) withImage(d Decision, label string, given []string) Decision {
	if p.NoImages != "" {
		return refused("image.none", "%s", p.NoImages)
	}
	_, onDemand := strings.CutPrefix(label, imagePrefix)
	if onDemand && p.NoOnDemandImages != "" {
		return refused("image.not_on_demand", "%s", p.NoOnDemandImages)
	}
	if !onDemand {
		d.Image = p.spec(ExtraImage, label, d.Size.Arch)
		return d
	}
	name, err := ParseImage(imageAsGiven(label, given), p.Registries)
	if err != nil {
		return refused("image.reference", "%s", err)
	}
	d.Image = p.spec(OnDemandImage, name, d.Size.Arch)
	return d
}

// imageAsGiven is the image that a normal label names, with its tag in the case that
// the workflow has it: labels ignore case, and so may names, but tags do not.
func imageAsGiven(label string, given []string) string {
	for _, l := range given {
		if strings.ToLower(l) == label {
			name, _, _ := strings.Cut(l, "@")
			tag := strings.LastIndex(name, ":") + 1
			label = strings.ToLower(name[:tag]) + name[tag:] + strings.ToLower(l[len(name):])
			break
		}
	}
	return strings.TrimPrefix(label, imagePrefix)
}

func (p Policy) spec(kind ImageKind, name string, arch Arch) ImageSpec {
	return ImageSpec{Kind: kind, Name: name, Arch: arch, Source: p.ImageSources[SourceOf(kind, name, arch)]}
}

// SourceOf is the key of ImageSources for images of a kind. All that are built on
// demand share one.
func SourceOf(kind ImageKind, name string, arch Arch) string {
	if kind == ExtraImage {
		return string(kind) + ":" + name + ":" + string(arch)
	}
	return string(kind) + ":" + string(arch)
}

// StandingImages are the images that the configuration names, for each architecture
// of a class: they are built before a job wants them.
func (p Policy) StandingImages() (specs []ImageSpec) {
	for _, arch := range []Arch{X64, ARM64} {
		if !p.runsOn(arch) {
			continue
		}
		specs = append(specs, p.spec(BaseImage, p.BaseImage, arch))
		for _, label := range slices.Sorted(maps.Keys(p.ExtraImages)) {
			specs = append(specs, p.spec(ExtraImage, label, arch))
		}
	}
	return specs
}

func (p Policy) runsOn(arch Arch) bool {
	for _, class := range p.Classes {
		if cmp.Or(class.Arch, X64) == arch {
			return true
		}
	}
	return false
}

// Labels that every fleet knows, and the prefixes of those that say something.
const (
	selfHosted  = "self-hosted"
	classPrefix = "class:" // a size
	imagePrefix = "image:" // a base image
	runPrefix   = "run:"   // anything: a job and its runner of their own
)

var (
	builtInLabels   = []string{selfHosted, "linux", string(X64), string(ARM64)}
	builtInPrefixes = []string{classPrefix, imagePrefix, runPrefix}
)

// BuiltInLabels returns the labels that every fleet knows, and the prefixes, which end
// with a colon. The table in docs/labels.md explains each.
func BuiltInLabels() []string { return slices.Concat(builtInLabels, builtInPrefixes) }

// IsBuiltInLabel reports whether every fleet knows the label, so that no
// configuration can give it another meaning. It ignores case.
func IsBuiltInLabel(label string) bool {
	label = strings.ToLower(label)
	return slices.Contains(builtInLabels, label) ||
		slices.ContainsFunc(builtInPrefixes, func(prefix string) bool { return strings.HasPrefix(label, prefix) })
}

func (p Policy) knows(label string) bool {
	if IsBuiltInLabel(label) || p.ExtraImages[label] != "" || label != "" && strings.ToLower(p.RequiredLabel) == label {
		return true
	}
	return slices.ContainsFunc(p.FleetLabels, func(l string) bool { return strings.ToLower(l) == label })
}

func (p Policy) classNames() []string {
	names := make([]string, 0, len(p.Classes))
	for name := range p.Classes {
		names = append(names, name)
	}
	sort.Strings(names)
	return names
}

// WholeOrganization reports whether the fleet serves every repository of its organization,
// and has no list of them.
func (p Policy) WholeOrganization() bool { return p.Organization != "" && len(p.Repositories) == 0 }

// Serves is how many repositories the fleet serves, EveryRepository of an organization.
func (p Policy) Serves() int {
	if p.WholeOrganization() {
		return EveryRepository
	}
	return len(p.Repositories)
}

// EveryRepository is more repositories than a fleet has runners.
const EveryRepository = 1 << 30

// AllowsRepository reports whether a repository is on the list by its name, or is of the
// organization if there is no list.
func (p Policy) AllowsRepository(repository string) bool {
	if p.WholeOrganization() {
		owner, name, _ := strings.Cut(repository, "/")
		return name != "" && strings.EqualFold(owner, p.Organization)
	}
	return slices.ContainsFunc(p.Repositories, func(r string) bool { return SameRepository(r, repository) })
}

// NormalLabels are the labels in lower case, each once, in their order: GitHub
// compares labels ignoring case. White space stays, for to GitHub it counts.
func NormalLabels(labels []string) []string {
	out := make([]string, 0, len(labels))
	for _, l := range labels {
		l = strings.ToLower(l)
		if !slices.Contains(out, l) {
			out = append(out, l)
		}
	}
	return out
}

// RunnerLabels are the labels of the runner for a job: exactly the job's, and
// self-hosted, since a just-in-time registration adds none by itself.
func RunnerLabels(job Job) []string {
	labels := NormalLabels(job.Labels)
	if !slices.Contains(labels, selfHosted) {
		labels = append([]string{selfHosted}, labels...)
	}
	return labels
}

// CanRun reports whether a runner with these labels, as RunnerLabels makes them,
// may get the job.
func CanRun(runnerLabels []string, job Job) bool {
	for _, l := range NormalLabels(job.Labels) {
		if !slices.Contains(runnerLabels, l) {
			return false
		}
	}
	return true
}

func ignored(rule, format string, args ...any) Decision {
	return Decision{Verdict: Ignored, Rule: rule, Reason: fmt.Sprintf(format, args...)}
}

func refused(rule, format string, args ...any) Decision {
	return Decision{Verdict: Refused, Rule: rule, Reason: fmt.Sprintf(format, args...)}
}

// printable is a stranger's text as it is, or quoted if it could break a line or
// a terminal.
func printable(s string) string {
	if q := fmt.Sprintf("%q", s); q != `"`+s+`"` {
		return q
	}
	return s
}

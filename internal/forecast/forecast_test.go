package forecast

import (
	"bytes"
	"context"
	"encoding/json"
	"encoding/xml"
	"errors"
	"io"
	"maps"
	"reflect"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/config"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/readable"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/simulation"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/simulation/kernel"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/simulation/simaws"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/stages"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/workload"
)

func configured(t testing.TB, text string, overrides ...config.Override) config.Config {
	t.Helper()
	c, err := config.Source{Data: []byte(text), File: "fleet.yaml", Overrides: overrides}.Parse()
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// few are jobs every ten seconds, so that a test takes little.
func few(n int, labels ...string) workload.Workload {
	w := workload.Workload{Name: "few", Made: true}
	for i := range n {
		w.Jobs = append(w.Jobs, workload.Job{Repository: "octo/app", Labels: labels, Queued: time.Duration(i) * 10 * time.Second, Takes: 2 * time.Minute})
	}
	return w
}

func quietly(simulation.Progress) {}

func played(t testing.TB, p Plan) Played {
	t.Helper()
	done, err := p.Play(t.Context(), quietly)
	if err != nil {
		t.Fatal(err)
	}
	return done
}

func TestJobsRunAndAreCounted(t *testing.T) {
	w := few(12, "self-hosted")
	w.Jobs = append(w.Jobs,
		workload.Job{Repository: "octo/app", Labels: []string{"ubuntu-latest"}, Queued: time.Minute, Takes: time.Minute},
		workload.Job{Repository: "octo/other", Labels: []string{"self-hosted"}, Queued: time.Minute, Takes: time.Minute},
		workload.Job{Repository: "octo/app", Labels: []string{"self-hosted", "class:huge"}, Queued: time.Minute, Takes: time.Minute},
		workload.Job{Repository: "octo/app", Labels: []string{"self-hosted", "gpu:4"}, Queued: time.Minute, Cancelled: 10 * time.Second},
	)
	p := played(t, Plan{Config: configured(t, "{github_repo: octo/app, max_runners: 3}"), Workload: w, Seed: 1})
	r := p.Result()
	if r.Ran != 12 || r.NotOurs != 2 || r.NotServed != 1 || r.Outcomes["COMPLETED"] != 12 || r.Outcomes["REFUSED"] != 1 || r.Open != 0 {
		t.Errorf("%d ran, %d not ours, %d not served, %v", r.Ran, r.NotOurs, r.NotServed, r.Outcomes)
	}
	if r.Wait == nil || r.Wait.Count != 12 || r.Wait.P50 < simaws.LeastLaunch.Milliseconds() {
		t.Errorf("they waited %+v", r.Wait)
	}
	if r.Tasks.MostAtOnce != 3 || r.Tasks.Count < 12 || r.Cost.Total <= r.Cost.ControlPlane || r.Requests.Limit != 5000 || r.Requests.All < 12*3 {
		t.Errorf("%+v %+v %+v", r.Tasks, r.Cost, r.Requests)
	}
	i := slices.IndexFunc(r.Waited, func(w Waited) bool { return w.For == Room })
	if i < 0 || r.Waited[i].P95 < 60_000 {
		t.Errorf("with room for 3, they waited for %+v", r.Waited)
	}
	if len(r.Violations) > 0 {
		t.Error(r.Violations)
	}
}

// The parts of a wait add up to it, whatever the jobs waited for.
func TestThePartsOfAWaitAddUp(t *testing.T) {
	faults := []kernel.Fault{
		{Kind: "ecs.no_capacity", Until: kernel.Duration{Duration: 12 * time.Minute}},
		{Kind: "ecs.pull_fails", Rate: 0.3},
	}
	p := played(t, Plan{Config: configured(t, "{github_repo: octo/app, max_runners: 6}"), Workload: few(20, "self-hosted"), Faults: faults, Seed: 3})
	met := map[Cause]bool{}
	for _, l := range p.Lived {
		sum := int64(0)
		for cause, ms := range p.causes(l) {
			sum += ms
			met[cause] = true
		}
		if want := stages.Of(l.Run, l.Seen, p.End).BeforeJob(); sum != want {
			t.Errorf("%s: its parts are %dms, and it waited %dms", l.Run.RunID, sum, want)
		}
	}
	for _, cause := range []Cause{Room, Capacity, Again, Start, GitHub} {
		if !met[cause] {
			t.Errorf("no job waited for %s", cause)
		}
	}
	if r := p.Result(); r.Setbacks["capacity"] == 0 || r.Faults["ecs.no_capacity"] == 0 {
		t.Errorf("setbacks %v, faults %v", r.Setbacks, r.Faults)
	}
}

// Each stage before a job is waiting for something.
func TestEveryStageHasItsCause(t *testing.T) {
	for _, name := range stages.Names() {
		if _, ok := causeOf[name]; ok == (name == stages.Job || name == stages.End) {
			t.Errorf("%q is waiting for something: %t", name, ok)
		}
	}
	for name, cause := range causeOf {
		if !slices.Contains(Causes(), cause) {
			t.Errorf("%q is waiting for %q, which is not listed", name, cause)
		}
	}
}

// everything is all that a plan comes to.
func everything(t *testing.T, p Plan) string {
	t.Helper()
	done := played(t, p)
	report := NewReport(p, "", Rough)
	report.Results = append(report.Results, done.Result())
	var all bytes.Buffer
	if err := json.NewEncoder(&all).Encode(report); err != nil {
		t.Fatal(err)
	}
	if err := report.Text(&all, readable.Screen{}, p.Config.MaxRunners); err != nil {
		t.Fatal(err)
	}
	if err := done.Chart(&all); err != nil {
		t.Fatal(err)
	}
	return all.String()
}

// One seed gives the same bytes, again and on any number of processors.
func TestOneSeedGivesTheSameBytes(t *testing.T) {
	c := configured(t, "{github_repo: [octo/app, octo/lib], max_runners: 5}")
	w := workload.Week(7, 60, Choice(c))
	faults, err := Faults(Rough, w.Lasts())
	if err != nil {
		t.Fatal(err)
	}
	p := Plan{Config: c, Workload: w, Faults: faults, Seed: 7}
	first := everything(t, p)
	for _, processors := range []int{1, 2} {
		before := runtime.GOMAXPROCS(processors)
		again := everything(t, p)
		runtime.GOMAXPROCS(before)
		if again != first {
			t.Errorf("with %d processors it is another one", processors)
		}
	}
	p.Seed = 8
	if everything(t, p) == first {
		t.Error("the seed draws nothing")
	}
}

func TestItEndsWhenItIsStopped(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	calls := 0
	var came simulation.Progress
	_, err := Plan{Config: configured(t, "github_repo: octo/app"), Workload: few(100, "self-hosted"), Seed: 1}.Play(ctx, func(now simulation.Progress) {
		if came = now; now.Ended >= 5 {
			calls++
			cancel()
		}
	})
	if !errors.Is(err, context.Canceled) || calls != 1 || came.Ended < 5 || came.Ended > 20 {
		t.Errorf("%v after %d more calls, with %d jobs", err, calls, came.Ended)
	}
}

func TestNothingToSimulateIsAnError(t *testing.T) {
	c := configured(t, "github_repo: octo/lib")
	if _, err := (Plan{Config: c, Workload: few(3, "self-hosted")}).Play(t.Context(), quietly); err == nil || !strings.Contains(err.Error(), "the fleet serves octo/lib, and no job of the workload is of them: it has those of octo/app") {
		t.Errorf("%v", err)
	}
	c = configured(t, "github_repo: octo/app")
	if _, err := (Plan{Config: c, Workload: few(3, "ubuntu-latest")}).Play(t.Context(), quietly); err == nil || !strings.Contains(err.Error(), `the first has "ubuntu-latest"`) {
		t.Errorf("%v", err)
	}
}

func TestTheRequiredLabelIsNamed(t *testing.T) {
	c := configured(t, "{github_repo: octo/app, required_label: fleet-a}")
	if _, err := (Plan{Config: c, Workload: few(3, "self-hosted")}).Play(t.Context(), quietly); err == nil || !strings.Contains(err.Error(), `no job of the workload has the label fleet-a, which required_label wants of each: the first has "self-hosted"`) {
		t.Errorf("%v", err)
	}
}

// A repository that a workload may have can be that of a configuration, and no other.
func TestNamesOfRepositoriesAreTheConfigurations(t *testing.T) {
	for _, name := range []string{"octo/app", "o-c/a.b_c-d", "octo_corp/app", "octo/..", "-octo/app", "octo/a b", "octo/a/b", "octo/app!", "octo/.github", strings.Repeat("o", 40) + "/app"} {
		_, wrongHere := workload.ReadCSV("jobs.csv", strings.NewReader("created_at,started_at,completed_at,repository,labels\n2026-07-01T09:00:00Z,,2026-07-01T09:00:00Z,"+name+",gpu\n"))
		_, wrongThere := config.Source{Data: []byte("github_repo: '" + name + "'"), File: "fleet.yaml"}.Parse()
		if (wrongHere == nil) != (wrongThere == nil) {
			t.Errorf("%q: the workload says %v, and the configuration %v", name, wrongHere, wrongThere)
		}
	}
}

func TestARepositoryInAnotherCaseIsServed(t *testing.T) {
	r := played(t, Plan{Config: configured(t, "{github_repo: Octo/App}"), Workload: few(2, "self-hosted"), Seed: 1}).Result()
	if r.Ran != 2 || r.NotServed != 0 {
		t.Errorf("%d ran, %d are not served", r.Ran, r.NotServed)
	}
}

// Each way of registration that a configuration may have can be simulated.
func TestEveryRegistrationIsSimulated(t *testing.T) {
	for _, text := range []string{
		"{github_repo: octo/app, github_app: {id: Iv23abcdefgh, private_key: 'secretsmanager:key'}}",
		"{github_org: octo}",
		"{github_org: octo, github_repo: [octo/app, octo/lib], runner_group: big}",
		"{github_org: octo, github_app: {id: Iv23abcdefgh, private_key: 'secretsmanager:key'}}",
		"{github_enterprise: big, github_repo: [octo/app]}",
		"{github_repo: octo/app, enforce_policy: true, runner_class_sizes: {small: {cpu: 512, memory: 1024, warm: {count: 2}}}}",
		"{github_repo: octo/app, runner_class_sizes: {arm: {cpu: 1024, memory: 2048, arch: arm64, spot: true}}, default_class: arm, runner_version: 2.330.0, required_label: self-hosted}",
	} {
		r := played(t, Plan{Config: configured(t, text), Workload: few(4, "self-hosted"), Seed: 1}).Result()
		if r.Ran != 4 || r.Outcomes["COMPLETED"] != 4 || len(r.Violations) > 0 || r.Wait.Max > (3*time.Minute).Milliseconds() {
			t.Errorf("%s: %d ran, %v, %v, %+v", text, r.Ran, r.Outcomes, r.Violations, r.Wait)
		}
	}
}

// A key with a number either can be varied, or nothing of a forecast depends on it.
func TestEveryNumberCanBeVaried(t *testing.T) {
	without := map[string]bool{"log_retention_days": true, "runner_log_mib": true}
	for field := range reflect.TypeFor[config.Config]().Fields() {
		key := field.Tag.Get("yaml")
		if field.Type.Kind() == reflect.Int && slices.Contains(Variable(), key) == without[key] {
			t.Errorf("%s is a number: add it to the keys that can be varied, or to those on which no forecast depends", key)
		}
	}
	base := configured(t, "{github_repo: octo/app, limits: {idle: 7m}}")
	for _, key := range Variable() {
		v, err := ParseVary(key + "=1")
		if key == "on_demand_builds_at_once" {
			v, err = ParseVary(key + "=2")
		}
		if limit, ok := strings.CutPrefix(key, "limits."); ok {
			value := map[string]string{"start": "20m", "max_runtime": "7h", "build": "2h", "inspect": "10m"}[limit]
			if value == "" {
				value = "6m"
			}
			v, err = ParseVary(key + "=" + value)
		}
		if err != nil {
			t.Fatal(err)
		}
		if v.OfWarm() {
			continue // see TestVaryIdleRunners
		}
		c, err := config.Source{Data: []byte("{github_repo: octo/app, limits: {idle: 7m}}"), Overrides: []config.Override{v.Override(v.Values[0], base)}}.Parse()
		if err != nil {
			t.Errorf("%s: %v", key, err)
		}
		if reflect.DeepEqual(c, base) {
			t.Errorf("%s=%s changes nothing", key, v.Values[0])
		}
		if key != "limits.idle" && c.Limits.Idle != 7*time.Minute {
			t.Errorf("%s changes limits.idle to %s", key, c.Limits.Idle)
		}
	}
}

func TestWhatIsVariedWronglyIsNamed(t *testing.T) {
	for text, want := range map[string]string{
		"":                                 "write a key and its values, as in max_runners=20,50,100",
		"max_runners":                      "write a key and its values",
		"max_runnners=2":                   `"max_runnners" is no key that can be varied; there are max_runners, max_runners_per_repository,`,
		"limits.queue=2h":                  "limits.start, limits.idle,",
		"max_runners=":                     `"" is not a whole number: write the values between commas, as in max_runners=20,50,100`,
		"max_runners=2,,3":                 `"" is not a whole number`,
		"max_runners=-1":                   `"-1" is negative`,
		"limits.idle=-5m":                  `"-5m" is negative`,
		"max_runners=5m":                   `"5m" is not a whole number`,
		"max_runners=0x10":                 `"0x10" is not a whole number`,
		"max_runners=010":                  `"010" begins with a zero: write it as 10`,
		"max_runners=99999999999999999999": `"99999999999999999999" is too large`,
		"limits.idle=5m, start: 1h":        `"start: 1h" is not a time: write it with its unit, as in limits.idle=5m,1h30m`,
		"limits.idle=5":                    `"5" is not a time`,
		"limits.idle=9999999999h":          `"9999999999h" is not a time`,
		"limits.idle=60s,1m":               "has 1m twice",
		"max_runners=2,2":                  "has 2 twice",
		"max_runners=1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16,17,18,19,20,21": "it has 21 values: use 20 at most",
	} {
		if _, err := ParseVary(text); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v, want %s", text, err, want)
		}
	}
}

func TestMoreRunnersShortenTheQueue(t *testing.T) {
	var waits []int64
	for _, most := range []string{"2", "30"} {
		c := configured(t, "github_repo: octo/app", config.Override{Key: "max_runners", Text: most})
		waits = append(waits, played(t, Plan{Config: c, Workload: few(20, "self-hosted"), Seed: 1}).Result().Wait.P95)
	}
	if waits[0] < 2*waits[1] {
		t.Errorf("the 95th percentile of the waits is %v", waits)
	}
}

func TestRoughIsAPlanOfKnownFaults(t *testing.T) {
	faults, err := Faults(Rough, 50*time.Hour)
	if err != nil {
		t.Fatal(err)
	}
	if err := simulation.CheckFaults(faults); err != nil {
		t.Error(err)
	}
	days := 0
	for _, f := range faults {
		if f.Kind == "github.down" {
			days++
		}
	}
	if days != 3 {
		t.Errorf("GitHub is down %d times in 50 hours", days)
	}
}

// The chart is well-formed, names what it shows, and takes strangers' names as text.
func TestTheChart(t *testing.T) {
	w := few(5, "self-hosted")
	w.Name, w.Start = `a<script>&"b`, time.Date(2026, 6, 29, 22, 30, 0, 0, time.UTC)
	p := played(t, Plan{Config: configured(t, "{github_repo: octo/app, max_runners: 4}"), Workload: w, Seed: 1})
	var chart bytes.Buffer
	if err := p.Chart(&chart); err != nil {
		t.Fatal(err)
	}
	elements := map[string]int{}
	for d := xml.NewDecoder(bytes.NewReader(chart.Bytes())); ; {
		token, err := d.Token()
		if err == io.EOF {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		if e, ok := token.(xml.StartElement); ok {
			elements[e.Name.Local]++
		}
	}
	if got := slices.Sorted(maps.Keys(elements)); !slices.Equal(got, []string{"desc", "line", "path", "rect", "style", "svg", "text", "title"}) {
		t.Errorf("it has the elements %v", got)
	}
	for _, want := range []string{"prefers-color-scheme:dark", "jobs that wait for a runner", "runners that are open", "time in UTC", "max_runners 4", "Mon 22:30", "A simulation, not a measurement"} {
		if !strings.Contains(chart.String(), want) {
			t.Errorf("it lacks %q", want)
		}
	}
	if strings.Contains(chart.String(), "http://") && !strings.Contains(chart.String(), `xmlns="http://www.w3.org/2000/svg"`) || strings.Contains(chart.String(), "url(") {
		t.Error("it needs something from elsewhere")
	}
}

func TestALongNameIsCutInTheChart(t *testing.T) {
	w := few(1, "self-hosted")
	w.Name, w.Made = strings.Repeat("/jobs-of-ä", 30)+"/week.csv", false
	var chart bytes.Buffer
	if err := played(t, Plan{Config: configured(t, "github_repo: octo/app"), Workload: w, Seed: 1}).Chart(&chart); err != nil {
		t.Fatal(err)
	}
	_, title, _ := strings.Cut(chart.String(), "<title id=\"title\">")
	title, _, _ = strings.Cut(title, "</title>")
	if n := len([]rune(title)); n > 100 || !strings.Contains(title, "…") || !strings.Contains(title, "/week.csv") {
		t.Errorf("%d letters: %s", n, title)
	}
}

// BenchmarkWeek plays a made week of 10,000 jobs.
func BenchmarkWeek(b *testing.B) {
	c := configured(b, "{github_repo: [octo/app, octo/lib, octo/site, octo/infra, octo/docs], max_runners: 100}")
	w := workload.Week(1, 10_000, Choice(c))
	for b.Loop() {
		if r := played(b, Plan{Config: c, Workload: w, Seed: 1}).Result(); r.Ran != 10_000 {
			b.Fatalf("%d jobs ran", r.Ran)
		}
	}
	b.ReportMetric(float64(b.N)*10_000/b.Elapsed().Seconds(), "jobs/s")
}

package calls

import (
	"encoding/json"
	"fmt"
	"os"
	"regexp"
	"strings"
	"testing"

	"github.com/goccy/go-yaml"
	"github.com/google/go-cmp/cmp"

	"github.com/ecs-runner-fleet/ecs-runner-fleet/cdk/runnerfleet/functions"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/price"
)

const (
	costPage   = "../../docs/cost.md"
	pricesFile = "../price/prices.json"
	beforeFile = "testdata/before.yaml"
)

// TestCosts holds docs/cost.md and the list of what a runner uses, from which every price of
// the control plane comes, to what is counted here.
func TestCosts(t *testing.T) {
	job, quiet := played{}, played{}
	for _, p := range plays {
		switch p.name {
		case "a job":
			job = p.run(t)
		case "a quiet minute":
			quiet = p.run(t)
		}
	}
	if n := job.transitions(); n > 5 {
		t.Errorf("a job has %d transitions of the state machine, at most 5 are enough", n)
	}
	parts := job.parts()
	matches(t, pricesFile, withParts(t, parts))
	page := readText(t, costPage)
	for name, table := range map[string]string{"job": jobTable(job, parts), "writes": writesTable(t, job), "idle": idleTable(quiet)} {
		page = between(t, page, "<!-- "+name+": made by a test of internal/calls -->\n", "<!-- end of "+name+" -->", table)
	}
	matches(t, costPage, page)
}

func readText(t *testing.T, path string) string {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// matches compares a file, or writes it.
func matches(t *testing.T, path, want string) {
	t.Helper()
	is := readText(t, path)
	if is == want {
		return
	}
	if !*update {
		t.Errorf("%s (-want +is; go test ./internal/calls -args -update writes it):\n%s", path, cmp.Diff(want, is))
		return
	}
	if err := os.WriteFile(path, []byte(want), 0o644); err != nil {
		t.Fatal(err)
	}
}

// between replaces what is between two marks.
func between(t *testing.T, text, begin, end, by string) string {
	t.Helper()
	before, rest, ok := strings.Cut(text, begin)
	_, after, ended := strings.Cut(rest, end)
	if !ok || !ended {
		t.Fatalf("there is no place for %s", strings.TrimSpace(begin))
	}
	return before + begin + by + end + after
}

// transitions are the states that executions enter.
func (p played) transitions() (n int) {
	for _, i := range p.invoked {
		n += i.states
	}
	return n
}

// gbSeconds are what Lambda bills of the functions' time, by the time that their calls take.
func (p played) gbSeconds() (n float64) {
	memory := map[string]int{}
	for _, f := range functions.All {
		memory[f.Folder()] = f.Memory
	}
	for _, i := range p.invoked {
		n += (i.ended - i.began).Seconds() * float64(memory[i.function]) / 1024
	}
	return n
}

// count counts calls.
func (p played) count(of func(call) bool) (n int) {
	for _, c := range p.all {
		if of(c) {
			n++
		}
	}
	return n
}

func (p played) requests() (n int) {
	for _, i := range p.invoked {
		if i.function == "webhook" || i.function == "claim" {
			n++
		}
	}
	return n
}

func isRead(c call) bool {
	return strings.HasPrefix(c.what, "dynamodb ") && c.used.Write == 0
}

func isWrite(c call) bool { return c.used.Write > 0 }

func isEvent(c call) bool { return c.what == "events PutEvents" }

// parts are what the control plane uses for one runner.
func (p played) parts() []price.Part {
	used := p.units()
	return []price.Part{
		{What: "Step Functions", Price: "step_functions/transition", Quantity: float64(p.transitions())},
		{What: "Lambda", Price: "lambda/invocation", Quantity: float64(len(p.invoked))},
		{What: "Lambda", Price: "lambda/time", Quantity: p.gbSeconds()},
		{What: "DynamoDB", Price: "dynamodb/read", Quantity: used.Read},
		{What: "DynamoDB", Price: "dynamodb/write", Quantity: used.Write},
		{What: "EventBridge", Price: "eventbridge/event", Quantity: float64(p.count(isEvent))},
		{What: "API Gateway", Price: "api_gateway/request", Quantity: float64(p.requests())},
	}
}

// withParts is the file of prices with these parts.
func withParts(t *testing.T, parts []price.Part) string {
	t.Helper()
	var lines []string
	for _, part := range parts {
		what, err := json.Marshal(part.What)
		if err != nil {
			t.Fatal(err)
		}
		quantity := strings.TrimSuffix(strings.TrimRight(fmt.Sprintf("%.3f", part.Quantity), "0"), ".")
		lines = append(lines, fmt.Sprintf(`    {"what": %s, "price": %q, "quantity": %s}`, what, part.Price, quantity))
	}
	return between(t, readText(t, pricesFile), "  \"runner\": [\n", "  ],\n  \"hosted\"", strings.Join(lines, ",\n")+"\n")
}

// usd is a price of us-east-1.
func usd(name string) float64 {
	for _, p := range price.List().Prices {
		if p.Name == name && p.Region == price.Home {
			return p.USD
		}
	}
	panic("there is no price " + name)
}

func jobTable(p played, parts []price.Part) string {
	dollars, total := map[string]float64{}, 0.0
	for _, part := range parts {
		dollars[part.What] += part.Quantity * usd(part.Price)
		total += part.Quantity * usd(part.Price)
	}
	used := p.units()
	var b strings.Builder
	b.WriteString("| what | how much | about |\n| --- | --- | --- |\n")
	row := func(what, star, format string, args ...any) {
		fmt.Fprintf(&b, "| %s%s | %s | $%.6f |\n", what, star, fmt.Sprintf(format, args...), dollars[what])
	}
	row("Step Functions", "", "%d transitions", p.transitions())
	row("Lambda", "", "%d invocations ($0.20 per million) and their time ($0.0000133334 per GB-second, arm64): %.2f GB-seconds, if calls take as long as [assumed](../internal/calls/testdata/latencies.yaml)", len(p.invoked), p.gbSeconds())
	row("DynamoDB", "*", "%d calls that read (%.0f units, $0.125 per million) and %d that write (%.0f units, %.0f of them for indexes, $0.625 per million)", p.count(isRead), used.Read, p.count(isWrite), used.Write, used.Indexes)
	row("EventBridge", "", "%d events of ours ($1 per million); those of AWS's services are free", p.count(isEvent))
	row("API Gateway", "*", "%d requests ($1 per million)", p.requests())
	fmt.Fprintf(&b, "| **together** | | **$%.6f** |\n", total)
	return b.String()
}

// writesTable compares what the steps of a job write with what they wrote before ADR 39.
func writesTable(t *testing.T, p played) string {
	t.Helper()
	before := yaml.MapSlice{}
	if err := yaml.Unmarshal([]byte(readText(t, beforeFile)), &before); err != nil {
		t.Fatal(err)
	}
	now := map[string]float64{}
	for _, c := range p.all {
		now[c.by.String()] += c.used.Write
	}
	var b strings.Builder
	var was, is float64
	b.WriteString("| who, for what | before | now |\n| --- | --- | --- |\n")
	for _, step := range before {
		name := step.Key.(string)
		units := float64(step.Value.(uint64))
		fmt.Fprintf(&b, "| %s | %.0f | %.0f |\n", strings.ReplaceAll(name, "ECS Task State Change", "a task's"), units, now[name])
		was, is = was+units, is+now[name]
		delete(now, name)
	}
	for name, units := range now {
		if units > 0 {
			t.Errorf("%s has no line for %s, which writes %.0f units", beforeFile, name, units)
		}
	}
	fmt.Fprintf(&b, "| **together** | **%.0f** | **%.0f**, %.0f %% less |\n", was, is, 100*(1-is/was))
	return b.String()
}

// A month has 730 hours, and a sweep each minute.
const sweeps = 43_800

// idleTable is what a fleet costs that has nothing to do. A test of the deployment holds
// secrets, dashboards and alarms to the template.
func idleTable(p played) string {
	table := p.units()
	var b strings.Builder
	total := 0.0
	b.WriteString("| what | how many | about |\n| --- | --- | --- |\n")
	row := func(what, much string, dollars float64) {
		fmt.Fprintf(&b, "| %s | %s | $%.2f |\n", what, much, dollars)
		total += float64(int(dollars*100+0.5)) / 100
	}
	row(fmt.Sprintf("sweep: invocations, %.2f GB-seconds each", p.gbSeconds()), "43,800", sweeps*(usd("lambda/invocation")+p.gbSeconds()*usd("lambda/time")))
	row("what the sweep reads of the table*", fmt.Sprintf("%.0f units a minute", table.Read), sweeps*table.Read*usd("dynamodb/read"))
	row("what the sweep writes into it*", fmt.Sprintf("%.0f units a minute", table.Write), sweeps*table.Write*usd("dynamodb/write"))
	row("secrets*", "3", 3*usd("secretsmanager/secret"))
	row("metrics that alarms look at, ten of them free*: three of the 12 alarms add several up", "19", 9*usd("cloudwatch/alarm"))
	b.WriteString("| dashboards (three are free) | 1 | $0.00 to $3.00 |\n")
	row("metrics of the sweep, each minute, of ten that are free*", "4", 0)
	row("traces of the sweep, of 100,000 that are free", "43,800", 0)
	row("images in ECR: see below", "2 GB", 2*usd("ecr/storage"))
	row("logs, about 1 KB for each sweep, of 5 GB that are free", "50 MB", 0)
	b.WriteString("| schedule, bus, queues, class sizes, state machine, roles | | $0.00 |\n")
	used := 4*usd("cloudwatch/metric") + 10*usd("cloudwatch/alarm")
	fmt.Fprintf(&b, "\nAbout **$%.2f**, or $%.2f if the account has three dashboards already, and $%.2f more if it has used up the free metrics and alarms that CloudWatch gives each account a month.\n", total, total+3, used)
	return b.String()
}

// TestTheDocsQuoteTheSum holds the pages that say what a job and an idle fleet cost.
func TestTheDocsQuoteTheSum(t *testing.T) {
	page := readText(t, costPage)
	idle := regexp.MustCompile(`About \*\*(\$[0-9.]+)\*\*`).FindStringSubmatch(page)
	if idle == nil {
		t.Fatal("docs/cost.md has no sum of an idle fleet")
	}
	if !strings.Contains(readText(t, "../../docs/first-deployment.md"), idle[1]+" a month") {
		t.Errorf("docs/first-deployment.md does not say that an idle fleet is %s a month", idle[1])
	}
}

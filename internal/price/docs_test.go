package price_test

import (
	"flag"
	"fmt"
	"os"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/fleet"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/price"
)

var update = flag.Bool("update", false, "write the tables of prices in "+page)

const page = "../../docs/cost.md"

// TestThePageHasThePrices writes the tables of docs/cost.md between their marks, or
// compares them.
func TestThePageHasThePrices(t *testing.T) {
	doc, err := os.ReadFile(page)
	if err != nil {
		t.Fatal(err)
	}
	want := string(doc)
	for name, table := range map[string]string{"sizes": sizes(), "warm": warm(), "control-plane": controlPlane(), "hosted": hosted(), "prices": prices()} {
		begin, end := "<!-- "+name+": made by a test of internal/price -->\n", "<!-- end of "+name+" -->"
		before, rest, ok := strings.Cut(want, begin)
		_, after, ended := strings.Cut(rest, end)
		if !ok || !ended {
			t.Errorf("docs/cost.md has no place for the table %s", name)
			continue
		}
		want = before + begin + table + end + after
	}
	if *update {
		if err := os.WriteFile(page, []byte(want), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if diff := cmp.Diff(want, string(doc)); diff != "" && !*update {
		t.Errorf("docs/cost.md (-want +is; -update writes it):\n%s", diff)
	}
}

func sizes() string {
	var b strings.Builder
	b.WriteString("| class | x64, a minute | arm64, a minute | x64 on Spot* |\n| --- | --- | --- | --- |\n")
	for _, size := range [][2]int{{1, 2}, {2, 4}, {4, 8}, {8, 32}} {
		class := fleet.Class{CPU: size[0] * 1024, Memory: size[1] * 1024}
		onARM := class
		onARM.Arch = fleet.ARM64
		fmt.Fprintf(&b, "| %d vCPU, %d GB | $%.5f | $%.5f | $%.5f |\n", size[0], size[1],
			price.Minute(class, fleet.Fargate), price.Minute(onARM, fleet.Fargate), price.Minute(class, fleet.FargateSpot))
	}
	return b.String()
}

// warm is what one idle runner costs.
func warm() string {
	var b strings.Builder
	b.WriteString("| class | an hour | always, a month | working hours, a month |\n| --- | --- | --- | --- |\n")
	for _, size := range [][2]int{{1, 2}, {2, 4}, {4, 8}, {8, 32}} {
		hour := price.Hour(fleet.Class{CPU: size[0] * 1024, Memory: size[1] * 1024}, fleet.Fargate)
		fmt.Fprintf(&b, "| %d vCPU, %d GB | $%.4f | $%.2f | $%.2f |\n", size[0], size[1], hour, hour*24*365/12, hour*10*22)
	}
	return b.String()
}

func controlPlane() string {
	runner := price.In("").Runner().Dollars()
	minute := price.Minute(fleet.Class{CPU: 2 * 1024, Memory: 4 * 1024}, fleet.Fargate)
	return fmt.Sprintf("So the control plane costs $%.6f for each runner. A minute of a task of 2 vCPU and 4 GB, such as one minute more of pulling an image, costs %.0f times as much.\n", runner, minute/runner)
}

func hosted() string {
	var b strings.Builder
	b.WriteString("| GitHub's runner | vCPU | memory | a minute |\n| --- | --- | --- | --- |\n")
	var from []string
	for _, h := range price.List().Hosted {
		limit := ""
		if h.MostMinutes > 0 {
			limit = fmt.Sprintf(", jobs of %d minutes at most", h.MostMinutes)
		}
		fmt.Fprintf(&b, "| %s%s | %d | %d GB | $%g%s |\n", h.Name, limit, h.VCPU, h.Memory, h.USD, star(h.Origin))
		if line := "As of " + h.AsOf + ": " + source("GitHub", h.Origin) + ".\n"; !slices.Contains(from, line) {
			from = append(from, line)
		}
	}
	b.WriteString("\n" + strings.Join(from, ""))
	return b.String()
}

func prices() string {
	var b strings.Builder
	b.WriteString("| price | region | dollars | per | as of | source |\n| --- | --- | --- | --- | --- | --- |\n")
	for _, p := range price.List().Prices {
		fmt.Fprintf(&b, "| `%s` | %s | %s%s | %s | %s | %s |\n", p.Name, p.Region, strconv.FormatFloat(p.USD, 'f', -1, 64), star(p.Origin), p.Per, p.AsOf, source("AWS", p.Origin))
	}
	return b.String()
}

func source(whose string, o price.Origin) string {
	return fmt.Sprintf("[%s](%s), %s", whose, o.Source, o.Obtained)
}

func star(o price.Origin) string {
	if o.Unverified {
		return "*"
	}
	return ""
}

// TestProseQuotesTheFile holds the prices that the page has in its sentences.
func TestProseQuotesTheFile(t *testing.T) {
	doc, err := os.ReadFile(page)
	if err != nil {
		t.Fatal(err)
	}
	of := map[string]float64{}
	for _, p := range price.List().Prices {
		of[p.Name] = p.USD
	}
	for pattern, want := range map[string]float64{
		`bills each state that is entered: \$([0-9.]+) per 1,000`: 1000 * of["step_functions/transition"],
		`invocations \(\$([0-9.]+) per million\)`:                 1e6 * of["lambda/invocation"],
		`\(\$([0-9.]+) per GB-second, arm64\)`:                    of["lambda/time"],
		`that read \(\d+ units, \$([0-9.]+) per million\)`:        1e6 * of["dynamodb/read"],
		`that write \(\d+ units.*, \$([0-9.]+) per million\) \|`:  1e6 * of["dynamodb/write"],
		`events of ours \(\$([0-9.]+) per million\)`:              1e6 * of["eventbridge/event"],
		`requests \(\$([0-9.]+) per million\)`:                    1e6 * of["api_gateway/request"],
		`A public address is \$([0-9.]+) an hour`:                 of["vpc/public_address"],
		`CodeBuild's time: \$([0-9.]+) a minute`:                  of["codebuild/small"],
	} {
		m := regexp.MustCompile(pattern).FindSubmatch(doc)
		if m == nil {
			t.Errorf("docs/cost.md has nothing like %s", pattern)
			continue
		}
		if says, err := strconv.ParseFloat(string(m[1]), 64); err != nil || fmt.Sprintf("%.10f", says) != fmt.Sprintf("%.10f", want) {
			t.Errorf("docs/cost.md: %s, and the price is $%g", m[0], want)
		}
	}
}

// TestTheControlPlaneIsTheTableOfTheDocs holds what a runner uses to the table that tests
// of the deployed functions count.
func TestTheControlPlaneIsTheTableOfTheDocs(t *testing.T) {
	doc, err := os.ReadFile(page)
	if err != nil {
		t.Fatal(err)
	}
	perService := map[string]float64{}
	of := map[string]float64{}
	for _, p := range price.List().Prices {
		of[p.Name] = p.USD
	}
	for _, part := range price.List().Runner {
		perService[part.What] += part.Quantity * of[part.Price]
	}
	for what, dollars := range perService {
		m := regexp.MustCompile(`(?m)^\| ` + what + `\*? \| .* \| \$([0-9.]+) \|$`).FindSubmatch(doc)
		if m == nil {
			t.Errorf("docs/cost.md has no row of %s", what)
			continue
		}
		if says := fmt.Sprintf("%.6f", dollars); says != string(m[1]) {
			t.Errorf("docs/cost.md: %s costs $%s, and by the file $%s", what, m[1], says)
		}
	}
}

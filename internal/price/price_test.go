package price_test

import (
	"encoding/json"
	"math"
	"math/rand/v2"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/fleet"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/price"
)

func TestStorageBeyondFargatesOwn(t *testing.T) {
	class := fleet.Class{CPU: 1024, Memory: 2048}
	larger := class
	larger.EphemeralStorage = 120
	for _, provider := range fleet.CapacityProviders() { // Spot has no rebate on storage
		if more := price.Hour(larger, provider) - price.Hour(class, provider); math.Abs(more-0.0111) > 1e-9 {
			t.Errorf("100 GB more for an hour of %s: $%f", provider, more)
		}
	}
}

var days = regexp.MustCompile(`^20\d\d(-\d\d-\d\d)?$`)

// TestEachPriceSaysWhereItIsFrom: a price without a date or a source cannot be checked.
func TestEachPriceSaysWhereItIsFrom(t *testing.T) {
	list, seen := price.List(), map[string]bool{}
	check := func(name string, usd float64, o price.Origin) {
		if !days.MatchString(o.AsOf) || o.Obtained == "" || !strings.HasPrefix(o.Source, "https://") || usd <= 0 {
			t.Errorf("%s: $%g as of %q from %q, %q", name, usd, o.AsOf, o.Source, o.Obtained)
		}
		if seen[name] {
			t.Errorf("%s is there twice", name)
		}
		seen[name] = true
	}
	for _, p := range list.Prices {
		check(p.Region+" "+p.Name, p.USD, p.Origin)
		if p.Region == "" || p.Per == "" {
			t.Errorf("%s: region %q, per %q", p.Name, p.Region, p.Per)
		}
	}
	for _, h := range list.Hosted {
		check(h.Name, h.USD, h.Origin)
	}
	for _, part := range list.Runner {
		if !seen[price.Home+" "+part.Price] {
			t.Errorf("%s: there is no price %s", part.What, part.Price)
		}
	}
	if len(list.Prices) == 0 || len(list.Hosted) == 0 || len(list.Runner) == 0 {
		t.Error("a list is empty: this test would hold for nothing")
	}
}

func TestAnotherRegionIsAnEstimate(t *testing.T) {
	class := fleet.Class{CPU: 2048, Memory: 4096}
	for region, estimated := range map[string]bool{"": false, "us-east-1": false, "eu-central-1": true} {
		book := price.In(region)
		if book.Estimated != estimated || book.Hour(class, fleet.Fargate) != price.Hour(class, fleet.Fargate) {
			t.Errorf("%q: estimated %t, an hour $%f", region, book.Estimated, book.Hour(class, fleet.Fargate))
		}
	}
}

func TestATaskIsBilledByTheSecondAndAMinuteAtLeast(t *testing.T) {
	for took, want := range map[time.Duration]time.Duration{
		-time.Second:             time.Minute, // clocks may differ
		0:                        time.Minute,
		59 * time.Second:         time.Minute,
		time.Minute:              time.Minute,
		61*time.Second - 1:       61 * time.Second,
		time.Hour + 1:            time.Hour + time.Second,
		90*time.Second + 1000000: 91 * time.Second,
	} {
		if got := price.Billed(took); got != want {
			t.Errorf("%s is billed as %s, want %s", took, got, want)
		}
	}
	// 2 vCPU and 4 GB for five minutes: (2 × 0.04048 + 4 × 0.004445) / 12, computed by hand.
	if got := price.In("").Task(fleet.Class{CPU: 2048, Memory: 4096}, fleet.Fargate, 5*time.Minute); got != 8_228_333 {
		t.Errorf("five minutes of 2 vCPU and 4 GB: %d billionths", got)
	}
}

func TestGitHubsRunnerAtLeastAsLarge(t *testing.T) {
	for name, c := range map[string]struct {
		class fleet.Class
		took  time.Duration
		want  string
	}{
		"a small class":                          {fleet.Class{CPU: 512, Memory: 1024}, time.Minute, "Linux 1-core"},
		"a small class, longer than it may take": {fleet.Class{CPU: 512, Memory: 1024}, 16 * time.Minute, "Linux 2-core"},
		"a class with little CPU on arm64":       {fleet.Class{CPU: 256, Memory: 512, Arch: fleet.ARM64}, time.Minute, "Linux 2-core arm64"},
		"the size of a standard runner":          {fleet.Class{CPU: 2048, Memory: 8192, Arch: fleet.X64}, time.Minute, "Linux 2-core"},
		"more memory for the CPU than any has":   {fleet.Class{CPU: 2048, Memory: 16384}, time.Minute, "Linux 4-core"},
		"the largest that fits":                  {fleet.Class{CPU: 32768, Memory: 122880}, time.Minute, "Linux 32-core"},
		"Fargate's largest":                      {fleet.Class{CPU: 32768, Memory: 249856}, time.Minute, "Linux 64-core"},
		"Fargate's largest on arm64":             {fleet.Class{CPU: 32768, Memory: 249856, Arch: fleet.ARM64}, time.Minute, ""},
	} {
		got, ok := price.HostedFor(c.class, c.took)
		if got.Name != c.want || ok != (c.want != "") {
			t.Errorf("%s: %q, want %q", name, got.Name, c.want)
		}
	}
}

func TestGitHubRoundsEachJobUp(t *testing.T) {
	for took, want := range map[time.Duration]int64{0: 1, time.Second: 1, time.Minute: 1, time.Minute + 1: 2, 10 * time.Minute: 10} {
		if got := price.HostedMinutes(took); got != want {
			t.Errorf("%s: %d minutes, want %d", took, got, want)
		}
	}
}

func TestAmountsAreWrittenWithAllTheirDigits(t *testing.T) {
	for amount, want := range map[price.Amount][2]string{
		0:             {"$0", "0"},
		1:             {"$0.00000", "0.000000001"},
		8_228_333:     {"$0.00823", "0.008228333"},
		95_000_000:    {"$0.095", "0.095"},
		1_234_567_891: {"$1.23", "1.234567891"},
	} {
		text, err := json.Marshal(amount)
		if err != nil || amount.String() != want[0] || string(text) != want[1] {
			t.Errorf("%d: %s and %s (%v), want %v", int64(amount), amount, text, err, want)
		}
		var back price.Amount
		if err := json.Unmarshal(text, &back); err != nil || back != amount {
			t.Errorf("%s is read as %d (%v), want %d", text, back, err, amount)
		}
	}
	for range 1000 {
		amount := price.Amount(rand.Int64N(1e15))
		text, _ := json.Marshal(amount)
		var back price.Amount
		if err := json.Unmarshal(text, &back); err != nil || back != amount {
			t.Fatalf("%d is written as %s and read as %d (%v)", amount, text, back, err)
		}
	}
}

package price_test

import (
	"fmt"
	"math"
	"os"
	"regexp"
	"strconv"
	"testing"

	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/fleet"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/price"
)

// TestTheTableOfTheDocs holds docs/cost.md to the prices.
func TestTheTableOfTheDocs(t *testing.T) {
	doc, err := os.ReadFile("../../docs/cost.md")
	if err != nil {
		t.Fatal(err)
	}
	rows := regexp.MustCompile(`(?m)^\| (\d+) vCPU, (\d+) GB \| \$([0-9.]+) \| \$([0-9.]+) \| \$([0-9.]+) \|$`).FindAllStringSubmatch(string(doc), -1)
	if len(rows) == 0 {
		t.Fatal("docs/cost.md has no row with a size: this test would hold for nothing")
	}
	for _, row := range rows {
		cpu, _ := strconv.Atoi(row[1])
		memory, _ := strconv.Atoi(row[2])
		class := fleet.Class{CPU: cpu * 1024, Memory: memory * 1024}
		onARM := class
		onARM.Arch = fleet.ARM64
		for i, minute := range []float64{price.Minute(class, fleet.Fargate), price.Minute(onARM, fleet.Fargate), price.Minute(class, fleet.FargateSpot)} {
			if says := fmt.Sprintf("%.5f", minute); says != row[3+i] {
				t.Errorf("docs/cost.md: %s vCPU, %s GB: $%s, and the price is $%s", row[1], row[2], row[3+i], says)
			}
		}
	}
}

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

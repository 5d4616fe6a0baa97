package simulation

import (
	"maps"
	"os"
	"regexp"
	"strconv"
	"testing"
)

// The functions time out as the deployment lets them. Its package needs a JavaScript
// runtime, so this reads its text.
func TestTimeOutsAreThoseOfTheDeployment(t *testing.T) {
	const file = "../../cdk/runnerfleet/functions.go"
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	deployed := map[string]int{}
	for _, m := range regexp.MustCompile(`(?m)^\t\t"([a-z]+)": +\{"[A-Za-z]+", ([0-9]+), `).FindAllSubmatch(text, -1) {
		deployed[string(m[1])], _ = strconv.Atoi(string(m[2]))
	}
	if !maps.Equal(deployed, seconds) {
		t.Errorf("the simulation has %v, and %s %v", seconds, file, deployed)
	}
}

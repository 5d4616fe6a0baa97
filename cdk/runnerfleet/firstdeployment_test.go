package runnerfleet_test

import (
	"os"
	"regexp"
	"strings"
	"testing"
)

// What docs/first-deployment.md says that people see, they see: in the words of the code.
func TestTheFirstDeploymentsWordsAreTheCodes(t *testing.T) {
	read := func(path string) string {
		text, err := os.ReadFile("../../" + path)
		if err != nil {
			t.Fatal(err)
		}
		return string(text)
	}
	page, built := read("docs/first-deployment.md"), golden(t)
	for file, sentences := range map[string][]string{
		"runner/build.sh":                   {"takes no more pulls", "ordered from other files than this build has"},
		"internal/aws/ecsfleet/classify.go": {"unable to assume the service linked role", "not associated with the cluster"},
		"internal/aws/events/build.go":      {"phase %s ended as %s"},
		"docs/cost.md":                      {"$2.78", "$0.0002"},
		"README.md":                         {"unable to assume the service linked role"},
	} {
		text := strings.ToLower(read(file))
		for _, sentence := range sentences {
			on := strings.ToLower(strings.Replace(sentence, "phase %s ended as %s", "phase DOWNLOAD_SOURCE ended as FAILED", 1))
			if !strings.Contains(text, strings.ToLower(sentence)) || !strings.Contains(strings.ToLower(page), on) {
				t.Errorf("%q is not both in %s and on the page", sentence, file)
			}
		}
	}
	names, errors := regexp.MustCompile("`((?:Image|Runner|GitHub|Secret)\\.[A-Za-z]+)`").FindAllStringSubmatch(page, -1), read("internal/fleet/errors.go")
	for _, name := range names {
		if !strings.Contains(errors, `"`+name[1]+`"`) {
			t.Errorf("no error is called %s", name[1])
		}
	}
	for _, output := range []string{"StoreGitHubPatCommand", "ReadWebhookSecretCommand", "WebhookUrl"} {
		if _, made := built.Outputs[output]; !made || !strings.Contains(page, "`"+output+"`") {
			t.Errorf("%s is not both an output and on the page", output)
		}
	}
	alarms := flat(built.list("AWS::CloudWatch::Alarm"))
	for _, alarm := range []string{"EntryThrottled", "StepsThrottled", "NoWebhooks"} {
		if !strings.Contains(alarms, `-`+alarm+`"`) || !strings.Contains(page, "`"+alarm+"`") {
			t.Errorf("%s is not both an alarm and on the page", alarm)
		}
	}
	if len(names) < 8 {
		t.Errorf("the page has %d names of errors", len(names))
	}
}

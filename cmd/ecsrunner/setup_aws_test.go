package main

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/aws/deployment"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/fleet"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/setup"
)

// keepsSecrets has Secrets Manager keep what is stored, and returns it by name.
func (a *awsServices) keepsSecrets(stored map[string]string) {
	a.answers["GetSecretValue"] = func(request map[string]any) any {
		a.mu.Lock()
		defer a.mu.Unlock()
		value, ok := stored[request["SecretId"].(string)]
		if !ok || request["VersionStage"] == "AWSPREVIOUS" {
			return awsRefusal("ResourceNotFoundException")
		}
		return map[string]any{"SecretString": value, "CreatedDate": 1.7e9}
	}
	a.answers["PutSecretValue"] = func(request map[string]any) any {
		a.mu.Lock()
		defer a.mu.Unlock()
		if _, ok := stored[request["SecretId"].(string)]; !ok {
			return awsRefusal("ResourceNotFoundException")
		}
		stored[request["SecretId"].(string)] = request["SecretString"].(string)
		return map[string]any{}
	}
	a.answers["CreateSecret"] = func(request map[string]any) any {
		a.mu.Lock()
		defer a.mu.Unlock()
		stored[request["Name"].(string)] = request["SecretString"].(string)
		return map[string]any{}
	}
}

// A fleet that was just deployed gets its App. Deployed with that, it is found right but for
// what this account lacks.
func TestSetupMakesAnAppForAWS(t *testing.T) {
	a, _, secret := newAWS(t)
	hub, at := newGitHub(t, "")
	t.Setenv("SIMULATED", at)
	stored := map[string]string{"ci/pat": `{"` + fleet.NoTokenYet + `":true,"random":"x"}`, "ci/hook": secret}
	a.keepsSecrets(stored)
	a.answers["BatchGetImage"] = func(map[string]any) any {
		return map[string]any{"images": []any{map[string]any{"imageId": map[string]any{"imageDigest": "sha256:1"}}}, "failures": []any{}}
	}
	a.answers["DescribeImages"] = func(map[string]any) any {
		return map[string]any{"imageDetails": []any{map[string]any{"imageTags": []any{"base"}}}}
	}
	a.tell()
	path := write(t, filepath.Join(t.TempDir(), "fleet.yaml"), "github_repo: "+examinedRepository+"\naws_region: eu-central-1\n")
	u := settingUp{wait: paced(hub)}
	u.stack, u.config = "ecsrunner-ci", path

	p := newPerson(t)
	out, code := p.setsUp(u)
	wants(t, p.saw(), `^fleet: ci serves octo-org/app, and GitHub is to deliver to http://`, `^GitHub App: open this link`, `^GitHub App: made ci-octo-org, and stored its key in secretsmanager:ci/github-app-key$`,
		`^configuration: added github_app to`, `^webhook: corrected the App's, which has the fleet's secret now$`, `^installation: the App is installed`, `^ping: it has arrived, and the fleet answered 200$`,
		"^ecsrunner: GitHub is set up. Next: deploy the fleet with `npx cdk deploy`, so that it acts as the App, and run `ecsrunner setup` again$")
	if code != exitFailure || out != "" {
		t.Errorf("exit status %d:\n%s", code, out)
	}
	id, ok := setup.StoredApp(stored["ci/github-app-key"])
	text, _ := os.ReadFile(path)
	if !ok || !regexp.MustCompile(`github_app:\n  id: "`+id+`"\n  private_key: secretsmanager:ci/github-app-key\n$`).MatchString(string(text)) {
		t.Errorf("App %q, and the configuration\n%s", id, text)
	}

	a.outputs[deployment.OutputGitHubApps] = fmt.Sprintf(`[{"id":%q,"private_key_secret":"ci/github-app-key"}]`, id)
	delete(a.outputs, deployment.OutputGitHubPAT)
	u.wait = paced(hub)
	again := newPerson(t)
	out, code = again.setsUp(u)
	wants(t, again.saw(), `^GitHub App: ci-octo-org is there, and GitHub accepts its key$`, `^webhook: the App's is there, and set as it should be$`, `^installation: `, `^base image for x64: it is published under its tag$`, `^ping: it has arrived`)
	want := []string{"error queue", "warning fargate_quota", "warning build_quota"}
	if got := found(out); code != exitFailure || strings.Join(got, ",") != strings.Join(want, ",") {
		t.Errorf("exit status %d, %q:\n%s", code, got, out)
	}
	for _, shown := range []string{p.saw(), again.saw(), out} {
		if strings.Contains(shown, "PRIVATE KEY") || strings.Contains(shown, secret) {
			t.Errorf("a secret is in\n%s", shown)
		}
	}
}

// A token that is stored makes the webhook, and what this user may not do is said.
func TestSetupOnAWSWithAToken(t *testing.T) {
	a, token, secret := newAWS(t)
	hub, at := newGitHub(t, token)
	t.Setenv("SIMULATED", at)
	a.keepsSecrets(map[string]string{"ci/pat": token, "ci/hook": secret})
	a.answers["BatchGetImage"] = func(map[string]any) any {
		return map[string]any{"images": []any{map[string]any{"imageId": map[string]any{"imageDigest": "sha256:1"}}}, "failures": []any{}}
	}
	a.answers["DescribeImages"] = func(map[string]any) any { return map[string]any{"imageDetails": []any{map[string]any{}}} }
	a.tell()
	u := settingUp{wait: paced(hub)}
	u.stack = "ecsrunner-ci"
	p := newPerson(t)
	p.setsUp(u)
	wants(t, p.saw(), `^webhook of octo-org/app: made webhook [0-9]+`, `^base image for x64: it is published`, `^ping of octo-org/app: it has arrived, and the fleet answered 200$`)
	if strings.Contains(p.saw(), token) || strings.Contains(p.saw(), secret) {
		t.Errorf("a secret is in\n%s", p.saw())
	}
	a.denied["PutSecretValue"] = true
	inVain := newPerson(t)
	u.asApp = true
	if _, code := inVain.setsUp(u); code != exitFailure || strings.Contains(inVain.saw(), "token=") {
		t.Errorf("exit status %d: a person is sent to GitHub in vain", code)
	}
	wants(t, inVain.saw(), `^ecsrunner: try to store something in secretsmanager:ci/github-app-key, .*AWS does not allow secretsmanager:PutSecretValue`)
	u.asApp = false
	a.denied["GetSecretValue"] = true
	denied := newPerson(t)
	if _, code := denied.setsUp(u); code != exitFailure {
		t.Errorf("exit status %d", code)
	}
	wants(t, denied.saw(), `^ecsrunner: .*secretsmanager:GetSecretValue|may not be read`)
}

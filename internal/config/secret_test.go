package config

import (
	"errors"
	"io/fs"
	"strings"
	"testing"
)

func TestSecretReferences(t *testing.T) {
	const hidden = "0123456789abcdefghij"
	tests := map[string]struct {
		text string
		says string // "" if it is a reference
	}{
		"an environment variable":          {"env:GITHUB_PAT", ""},
		"a file":                           {"file:/run/secrets/pat", ""},
		"a secret's name":                  {"secretsmanager:fleet/pat@1", ""},
		"a secret's ARN":                   {"arn:aws:secretsmanager:eu-west-1:123456789012:secret:fleet/pat-AbCdEf", ""},
		"a classic token":                  {"ghp_" + hidden, "holds a GitHub token"},
		"a fine-grained token":             {"github_pat_" + hidden, "holds a GitHub token"},
		"an installation token":            {"ghs_" + hidden, "holds a GitHub token"},
		"an OAuth token":                   {"gho_" + hidden, "holds a GitHub token"},
		"a user's token":                   {"ghu_" + hidden, "holds a GitHub token"},
		"a refresh token":                  {"ghr_" + hidden, "holds a GitHub token"},
		"a token behind env:":              {"env:ghp_" + hidden, "holds a GitHub token"},
		"a token behind secretsmanager:":   {"secretsmanager:github_pat_" + hidden, "holds a GitHub token"},
		"any other text":                   {hidden, "aws secretsmanager create-secret"},
		"nothing":                          {"", "is not a reference"},
		"env: with a value":                {"env:" + hidden + "-", "name of an environment variable"},
		"file: with a relative path":       {"file:pat", "absolute path"},
		"secretsmanager: with a space":     {"secretsmanager:a b", "name of a secret"},
		"an ARN of something else":         {"arn:aws:s3:::bucket", "is no ARN"},
		"a reference with a newline in it": {"env:A\nB", "name of an environment variable"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			for _, key := range []string{"github_pat", "webhook_secret", "webhook_secret_previous"} {
				_, err := Parse([]byte("github_repo: o/r\n"+key+": "+quoted(test.text)), "fleet.yaml")
				if test.says == "" {
					if err != nil {
						t.Error(err)
					}
					continue
				}
				if err == nil || !strings.HasPrefix(err.Error(), "fleet.yaml:2: "+key+": ") || !strings.Contains(err.Error(), test.says) {
					t.Errorf("got %v, want …%s…", err, test.says)
				}
				if err != nil && strings.Contains(err.Error(), hidden) {
					t.Errorf("the error shows the secret: %s", err)
				}
			}
		})
	}
}

func quoted(text string) string { return `"` + strings.ReplaceAll(text, "\n", `\n`) + `"` }

func TestANumberAsSecretIsNotShown(t *testing.T) {
	_, err := Parse([]byte("github_repo: o/r\nwebhook_secret: 8675309"), "fleet.yaml")
	if err == nil || strings.Contains(err.Error(), "8675309") || !strings.Contains(err.Error(), "create-secret") {
		t.Errorf("got %v", err)
	}
}

func TestResolve(t *testing.T) {
	getenv := func(name string) string {
		return map[string]string{"TOKEN": "sesame", "LINE": "sesame\n"}[name]
	}
	readFile := func(path string) ([]byte, error) {
		content, ok := map[string]string{"/unix": "sesame\n", "/dos": "sesame\r\n", "/two": "sesame\n\n", "/empty": "\n"}[path]
		if !ok {
			return nil, &fs.PathError{Op: "open", Path: path, Err: fs.ErrNotExist}
		}
		return []byte(content), nil
	}
	tests := map[string]struct {
		ref  SecretRef
		want string
		says string
	}{
		"an environment variable":           {"env:TOKEN", "sesame", ""},
		"one with a newline":                {"env:LINE", "sesame", ""},
		"an absent variable":                {"env:ABSENT", "", "secret env:ABSENT is empty or not set"},
		"a file":                            {"file:/unix", "sesame", ""},
		"a file from another system":        {"file:/dos", "sesame", ""},
		"a file with two newlines, one off": {"file:/two", "sesame\n", ""},
		"a file with a newline only":        {"file:/empty", "", "secret file:/empty is empty"},
		"an absent file":                    {"file:/absent", "", "read secret file:/absent: open /absent"},
		"a secret on AWS":                   {"secretsmanager:pat", "", "is kept on AWS"},
		"a literal, never shown":            {"sesame", "", "is not a reference to a secret"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			c := Config{GitHubPAT: test.ref, WebhookSecret: test.ref, WebhookSecretPrevious: "env:TOKEN"}
			got, err := c.Token(getenv, readFile)
			if got != test.want || (err == nil) != (test.says == "") {
				t.Fatalf("got %q, %v", got, err)
			}
			secrets, err2 := c.WebhookSecrets(getenv, readFile)
			if test.says == "" {
				if len(secrets) != 2 || secrets[0] != test.want || secrets[1] != "sesame" {
					t.Errorf("got %q, %v", secrets, err2)
				}
				return
			}
			for key, err := range map[string]error{"github_pat: ": err, "webhook_secret: ": err2} {
				if err == nil || !strings.HasPrefix(err.Error(), key) || !strings.Contains(err.Error(), test.says) || strings.Contains(err.Error(), "sesame") {
					t.Errorf("got %v, want %s…%s…", err, key, test.says)
				}
			}
		})
	}
	_, err := SecretRef("file:/absent").Resolve(getenv, readFile)
	if !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("%v hides its cause", err)
	}
}

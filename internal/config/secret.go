package config

import (
	"errors"
	"fmt"
	"regexp"
	"strings"
)

// SecretRef says where a secret is kept. It is safe to print, since Parse lets
// no text through that may be the secret itself. Its forms:
//
//	env:NAME               an environment variable, on one machine
//	file:/path             a file's content, on one machine
//	secretsmanager:NAME    a secret in AWS Secrets Manager, on AWS
//	arn:…:secretsmanager:… the same by its ARN
type SecretRef string

// Where the secrets are if the file does not say. On AWS these two mean that
// the deployment makes the secrets itself.
const (
	DefaultGitHubPAT     SecretRef = "env:GITHUB_PAT"
	DefaultWebhookSecret SecretRef = "env:WEBHOOK_SECRET"
)

var (
	envName    = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_]{0,127}$`)
	secretName = regexp.MustCompile(`^[A-Za-z0-9/_+=.@-]{1,512}$`)
	secretARN  = regexp.MustCompile(`^arn:aws[a-z-]*:secretsmanager:[a-z0-9-]+:[0-9]{12}:secret:[A-Za-z0-9/_+=.@-]{1,519}$`)

	// githubToken finds GitHub's tokens by their prefixes, within any text
	// (https://github.blog/2021-04-05-behind-githubs-new-authentication-token-formats/).
	githubToken = regexp.MustCompile(`\b(gh[opsur]_[A-Za-z0-9_]{16,}|github_pat_[A-Za-z0-9]{16,})`)
)

const (
	fromEnv  = "env:"
	fromFile = "file:"
	fromAWS  = "secretsmanager:"
)

// What people read after they put a secret into the file.
const (
	tokenInFile = "holds a GitHub token itself; revoke that token if anybody else can read this file, and " + howToStore
	howToStore  = "write where the secret is kept: env:NAME (an environment variable) or file:/path on one machine; " +
		"on AWS store it with `aws secretsmanager create-secret --name NAME --secret-string file:///path` and write secretsmanager:NAME or its ARN"
)

// check says what is wrong with the reference, in words that never repeat it.
func (r SecretRef) check() error {
	text := string(r)
	if githubToken.MatchString(text) {
		return errors.New(tokenInFile)
	}
	switch {
	case strings.HasPrefix(text, fromEnv):
		if !envName.MatchString(text[len(fromEnv):]) {
			return errors.New("env: must be followed by the name of an environment variable, as in env:GITHUB_PAT")
		}
	case strings.HasPrefix(text, fromFile):
		path := text[len(fromFile):]
		if len(path) < 2 || path[0] != '/' || strings.ContainsAny(path, "\x00\n\r") {
			return errors.New("file: must be followed by an absolute path, as in file:/etc/ecsrunner/github_pat")
		}
	case strings.HasPrefix(text, fromAWS):
		if !secretName.MatchString(text[len(fromAWS):]) {
			return errors.New("secretsmanager: must be followed by the name of a secret, as in secretsmanager:ecsrunner/github_pat")
		}
	case strings.HasPrefix(text, "arn:"):
		if !secretARN.MatchString(text) {
			return errors.New("is no ARN of a Secrets Manager secret, which reads arn:aws:secretsmanager:<region>:<account>:secret:<name>")
		}
	default:
		return errors.New("is not a reference to a secret; keep the secret out of this file and " + howToStore)
	}
	return nil
}

// AWSSecret is the name or ARN to ask Secrets Manager for. ok is false for a
// reference that only means something on one machine.
func (r SecretRef) AWSSecret() (id string, ok bool) {
	if name, ok := strings.CutPrefix(string(r), fromAWS); ok {
		return name, true
	}
	return string(r), strings.HasPrefix(string(r), "arn:")
}

// Resolve reads an env: or file: secret, without one newline at its end. It
// refuses an empty one. Errors name the reference, never the value.
//
// A file that others may read is accepted: a user who can change the file's mode
// should warn.
func (r SecretRef) Resolve(getenv func(string) string, readFile func(string) ([]byte, error)) (string, error) {
	if err := r.check(); err != nil {
		return "", fmt.Errorf("secret reference: %w", err)
	}
	text := string(r)
	var value string
	switch {
	case strings.HasPrefix(text, fromEnv):
		value = getenv(text[len(fromEnv):])
	case strings.HasPrefix(text, fromFile):
		content, err := readFile(text[len(fromFile):])
		if err != nil {
			return "", fmt.Errorf("read secret %s: %w", r, err)
		}
		value = string(content)
	default:
		return "", fmt.Errorf("secret %s is kept on AWS; on one machine use env:NAME or file:/path", r)
	}
	if trimmed, ok := strings.CutSuffix(value, "\n"); ok {
		value = strings.TrimSuffix(trimmed, "\r")
	}
	if value == "" {
		return "", fmt.Errorf("secret %s is empty or not set", r)
	}
	return value, nil
}

// Token resolves github_pat; see SecretRef.Resolve.
func (c Config) Token(getenv func(string) string, readFile func(string) ([]byte, error)) (string, error) {
	value, err := c.GitHubPAT.Resolve(getenv, readFile)
	if err != nil {
		return "", fmt.Errorf("github_pat: %w", err)
	}
	return value, nil
}

// WebhookSecrets resolves webhook_secret and, while it replaces one,
// webhook_secret_previous; see SecretRef.Resolve.
func (c Config) WebhookSecrets(getenv func(string) string, readFile func(string) ([]byte, error)) ([]string, error) {
	value, err := c.WebhookSecret.Resolve(getenv, readFile)
	if err != nil {
		return nil, fmt.Errorf("webhook_secret: %w", err)
	}
	if c.WebhookSecretPrevious == "" {
		return []string{value}, nil
	}
	previous, err := c.WebhookSecretPrevious.Resolve(getenv, readFile)
	if err != nil {
		return nil, fmt.Errorf("webhook_secret_previous: %w", err)
	}
	return []string{value, previous}, nil
}

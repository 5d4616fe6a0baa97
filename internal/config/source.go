package config

import (
	"encoding/json"
	"reflect"

	"github.com/goccy/go-yaml/ast"
)

// Source is where a configuration comes from: a file, and single keys given
// elsewhere, which win over the file's.
type Source struct {
	Data      []byte // the file's content, nil if there is no file
	File      string // the name that its problems are reported under
	Overrides []Override
	// OnAWS refuses what only means something on one machine.
	OnAWS bool
}

// Override is one key of the configuration that replaces the file's, all of it if
// the key is a list or a map.
type Override struct {
	Key  string
	Text string // YAML, so that 5 is a number and o/r a text; JSON is YAML too
	From string // where it was given, for its problems
}

// Keys are the keys of the configuration, in the order of Config.
func Keys() []string {
	_, names := fieldsOf(reflect.TypeFor[Config]())
	return names
}

// Suggest is the key that was probably meant, or "".
func Suggest(key string) string { return suggest(key, Keys()) }

// Parse checks the file and the overrides together, and fills in the defaults. Its
// error is a *Problems with everything that is wrong, each with where it stands.
func (s Source) Parse() (Config, error) {
	r := &review{lines: map[string]int{}, from: map[string]string{}}
	for _, o := range s.Overrides {
		r.from[o.Key] = o.From
	}
	c := defaults()
	whole := reflect.ValueOf(&c).Elem()
	if body := r.document(s.Data); body != nil {
		r.structure("", body, whole)
	}
	for _, o := range s.Overrides {
		r.override(o, whole)
	}
	c.derive(r)
	c.check(r)
	if s.OnAWS {
		c.checkOnAWS(r)
		c.checkBaseOnAWS(r)
		c.checkNamesOnAWS(r)
		c.checkPartition(r)
	}
	if err := r.err(s.File); err != nil {
		return Config{}, err
	}
	return c, nil
}

// override reads one key that does not stand in the file.
func (r *review) override(o Override, whole reflect.Value) {
	fields, names := fieldsOf(whole.Type())
	i, known := fields[o.Key]
	if !known {
		r.refuse(joined("", o.Key), "is not a key of this configuration%s", didYouMean(o.Key, names))
		return
	}
	r.lines[o.Key] = 0
	alone := &review{lines: map[string]int{}}
	body := alone.document([]byte(o.Text))
	switch {
	case len(alone.list) > 0:
		r.refuse(o.Key, "%s", alone.list[0].Message)
	case body == nil || body.Type() == ast.NullType:
		r.refuse(o.Key, "has no value")
	default:
		r.read(o.Key, body, whole.Field(i))
	}
}

// mostOfParameter is how long a standard parameter of Systems Manager may be
// (https://docs.aws.amazon.com/general/latest/gr/ssm.html).
const mostOfParameter = 4096

// checkOnAWS refuses class sizes that do not fit in their parameter, and secrets that a
// function on AWS could not read. The defaults mean that the deployment makes the secrets.
func (c *Config) checkOnAWS(r *review) {
	if text, err := json.Marshal(c.RunnerClassSizes); err != nil {
		panic(err) // plain values
	} else if len(text) > mostOfParameter {
		r.add("runner_class_sizes", "takes %d characters as JSON, and the parameter that has it on AWS %d; name fewer classes, or fewer repositories below warm", len(text), mostOfParameter)
	}
	secrets := []stored{
		{"github_pat", c.GitHubPAT, DefaultGitHubPAT},
		{"webhook_secret", c.WebhookSecret, DefaultWebhookSecret},
		{"webhook_secret_previous", c.WebhookSecretPrevious, ""},
		{"docker_hub_credentials", c.DockerHubCredentials, ""},
	}
	for i, app := range c.GitHubApps {
		at := appKey(r, i)
		secrets = append(secrets, stored{at + ".private_key", app.PrivateKey, ""}, stored{at + ".private_key_previous", app.PrivateKeyPrevious, ""})
	}
	for _, secret := range secrets {
		if _, ok := secret.ref.AWSSecret(); ok || secret.ref == secret.made || secret.ref == "" || secret.ref.check() != nil {
			continue
		}
		r.add(secret.key, "%s cannot be read on AWS; store the secret with "+
			"`aws secretsmanager create-secret --name NAME --secret-string file:///path` and write secretsmanager:NAME or its ARN", secret.ref)
	}
}

// stored is a secret that a key names, and the reference for which the deployment makes it.
type stored struct {
	key       string
	ref, made SecretRef
}

// source is where a key was given, "" if in the file or nowhere.
func (r *review) source(key string) string {
	for outer, from := range r.from {
		if within(key, outer) {
			return from
		}
	}
	return ""
}

// replaced reports whether a key of the file counts for nothing.
func (r *review) replaced(key string) bool {
	_, ok := r.from[key]
	return ok
}

// settle sets the place of each problem: an overridden key has no line.
func (r *review) settle() {
	for i, p := range r.list {
		if from := r.source(p.Key); from != "" {
			r.list[i].From, r.list[i].Line = from, 0
		}
	}
}

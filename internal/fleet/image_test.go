package fleet_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/distribution/reference"

	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/fleet"
)

var digest = "sha256:" + strings.Repeat("0a", 32)

func TestParseImage(t *testing.T) {
	for name, tc := range map[string]struct{ text, want string }{
		"an official image":              {"node:22", "docker.io/library/node:22"},
		"an image of Docker Hub":         {"cimg/go:1.26", "docker.io/cimg/go:1.26"},
		"Docker Hub by its name":         {"docker.io/node:22", "docker.io/library/node:22"},
		"Docker Hub by its other name":   {"index.docker.io/alpine:3", "docker.io/library/alpine:3"},
		"another registry":               {"ghcr.io/o/r:1", "ghcr.io/o/r:1"},
		"a registry in upper case":       {"GHCR.io/o/r:1", "ghcr.io/o/r:1"},
		"Docker Hub in upper case":       {"Docker.IO/node:22", "docker.io/library/node:22"},
		"a long path":                    {"mcr.microsoft.com/a/b/c:8.0", "mcr.microsoft.com/a/b/c:8.0"},
		"a tag in upper case":            {"quay.io/o/r:RC1", "quay.io/o/r:RC1"},
		"a digest":                       {"alpine@" + digest, "docker.io/library/alpine@" + digest},
		"a tag and a digest":             {"alpine:3@" + digest, "docker.io/library/alpine:3@" + digest},
		"a digest that lacks its image":  {digest, "docker.io/library/" + digest},
		"a tag of 128 characters":        {"alpine:" + strings.Repeat("a", 128), "docker.io/library/alpine:" + strings.Repeat("a", 128)},
		"as long as ECS allows, in full": {strings.Repeat("a", 255-20) + ":1", "docker.io/library/" + strings.Repeat("a", 255-20) + ":1"},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := fleet.ParseImage(tc.text, fleet.DefaultRegistries)
			if got != tc.want || err != nil {
				t.Errorf("ParseImage(%q) = %q, %v; want %q", tc.text, got, err, tc.want)
			}
		})
	}
}

func TestHostileImages(t *testing.T) {
	const none, tag, foreign, long = "is not an image reference", "names no tag", "is not allowed", "at most 255"
	for name, tc := range map[string]struct{ text, says string }{
		"a newline":                       {"alpine:3\nRUN id", none},
		"a newline at the end":            {"alpine:3\n", none},
		"a space":                         {"alpine:3 id", none},
		"a command":                       {"alpine:$(id)", none},
		"a command in backticks":          {"alpine:`id`", none},
		"a second command":                {"alpine:3;id", none},
		"a conditional command":           {"alpine:3&&id", none},
		"a variable":                      {"alpine:${X}", none},
		"a NUL":                           {"alpine:3\x00", none},
		"a no-break space":                {"alpine:3\u00a0", none},
		"a long option":                   {"--help", none},
		"a short option":                  {"-v", none},
		"an option with a tag":            {"--help:1", none},
		"a path upwards":                  {"../../etc:1", none},
		"a path upwards behind a host":    {"ghcr.io/x/../y:1", none},
		"a tag that begins with a dot":    {"alpine:.bad", none},
		"nothing":                         {"", none},
		"a backslash":                     {`alpine\x:1`, none},
		"a question mark":                 {"alpine?:1", none},
		"a fragment":                      {"alpine#:1", none},
		"a percent escape":                {"al%70ine:1", none},
		"Cyrillic letters":                {"аlpine:1", none},
		"a name in upper case":            {"Alpine:1", "must be lower case"},
		"a name in upper case on a host":  {"ghcr.io/Owner/x:1", "must be lower case"},
		"upper case and a newline":        {"ghcr.io/A\nB:1", "must be lower case"},
		"a URL":                           {"https://ghcr.io/x:1", none},
		"an empty part":                   {"ghcr.io//x:1", none},
		"a credential":                    {"user:pass@ghcr.io/x:1", none},
		"a host that ends with a dot":     {"ghcr.io./x:1", none},
		"two tags":                        {"a:b:c", none},
		"64 hexadecimal digits":           {strings.Repeat("0a", 32), none},
		"a digest that is cut":            {"x@sha256:abc", none},
		"a tag of 129 characters":         {"alpine:" + strings.Repeat("a", 129), none},
		"over 255 characters":             {strings.Repeat("a", 254) + ":1", long},
		"a name over 255 characters":      {strings.Repeat("a", 250) + ":1", "must not be more than 255"},
		"over 255 characters in full":     {strings.Repeat("a", 255-19) + ":1", long},
		"this machine":                    {"127.0.0.1:2375/x:1", foreign},
		"the metadata address":            {"169.254.169.254/x:1", foreign},
		"localhost":                       {"localhost:5000/x:1", foreign},
		"localhost without a port":        {"localhost/x:1", foreign},
		"an IPv6 address":                 {"[::1]:5000/x:1", foreign},
		"the metadata name":               {"metadata.google.internal/x:1", foreign},
		"a port on a registry":            {"ghcr.io:443/x:1", foreign},
		"a punycode host":                 {"xn--ghcr-abc.com/x:1", foreign},
		"a host that merely begins alike": {"ghcr.io.evil.example/x:1", foreign},
		"a host that merely ends alike":   {"evilghcr.io/x:1", foreign},
		"a name in upper case as a host":  {"Owner/x:1", foreign},
		"no tag":                          {"alpine", tag},
		"no tag on a host":                {"ghcr.io/o/r", tag},
		"Docker Hub without a tag":        {"index.docker.io/alpine", tag},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := fleet.ParseImage(tc.text, fleet.DefaultRegistries)
			if err == nil || got != "" {
				t.Fatalf("ParseImage(%q) = %q, %v; want an error", tc.text, got, err)
			}
			if !strings.Contains(err.Error(), tc.says) || !plain(err.Error()) {
				t.Errorf("got %q, want …%s…", err, tc.says)
			}
		})
	}
}

func TestARegistryMustBeOnTheList(t *testing.T) {
	if _, err := fleet.ParseImage("node:22", []string{"ghcr.io"}); err == nil || !strings.Contains(err.Error(), "registry docker.io") {
		t.Errorf("got %v", err)
	}
	if _, err := fleet.ParseImage("registry.example:5000/x:1", []string{"registry.example:5000"}); err != nil {
		t.Error(err)
	}
	if _, err := fleet.ParseImage("node:22", nil); err == nil {
		t.Error("no registry is allowed, and one was")
	}
}

func TestTagsDiffer(t *testing.T) {
	specs := []fleet.ImageSpec{
		{Kind: fleet.OnDemandImage, Name: "a/b:c", Arch: fleet.X64},
		{Kind: fleet.OnDemandImage, Name: "a-b-c", Arch: fleet.X64},
		{Kind: fleet.OnDemandImage, Name: "a/b:c", Arch: fleet.ARM64},
		{Kind: fleet.ExtraImage, Name: "a/b:c", Arch: fleet.X64},
		{Kind: fleet.BaseImage, Name: "a/b:c", Arch: fleet.X64},
		{Kind: fleet.BaseImage, Name: "a/b:cx", Arch: "64"},
		{Kind: fleet.BaseImage, Name: "a,b", Arch: "c"},
		{Kind: fleet.BaseImage, Name: "a", Arch: "b,c"},
	}
	seen := map[string]fleet.ImageSpec{}
	for _, s := range specs {
		tag := s.Tag()
		if other, ok := seen[tag]; ok {
			t.Errorf("%+v and %+v share %s", s, other, tag)
		}
		seen[tag] = s
		if _, err := reference.WithTag(mustName(t, "x"), tag); err != nil || tag != s.Tag() {
			t.Errorf("%+v has the tag %q, then %q: %v", s, tag, s.Tag(), err)
		}
	}
}

func TestHowAnImageIsShown(t *testing.T) {
	for want, spec := range map[string]fleet.ImageSpec{
		"image:docker.io/library/node:22": {Kind: fleet.OnDemandImage, Name: "docker.io/library/node:22"},
		"android":                         {Kind: fleet.ExtraImage, Name: "android"},
		"base-1":                          {Kind: fleet.BaseImage, Name: "base-1"},
	} {
		equal(t, fmt.Sprint(spec), want)
	}
}

func mustName(t *testing.T, text string) reference.Named {
	t.Helper()
	named, err := reference.ParseNormalizedNamed(text)
	if err != nil {
		t.Fatal(err)
	}
	return named
}

// checkNormal checks what ParseImage promises about the references that it accepts.
func checkNormal(t *testing.T, name string) {
	t.Helper()
	if again, err := fleet.ParseImage(name, fleet.DefaultRegistries); again != name || err != nil {
		t.Errorf("%q is not normal: %q, %v", name, again, err)
	}
	registry, _, _ := strings.Cut(name, "/")
	if !slices.Contains(fleet.DefaultRegistries, registry) || len(name) > fleet.MaxImageReference {
		t.Errorf("%q must not be accepted", name)
	}
	if strings.ContainsAny(name, " \t\r\n\\$`;&|<>(){}'\"") || !plain(name) {
		t.Errorf("%q could be more than one argument", name)
	}
}

func FuzzParseImage(f *testing.F) {
	for _, text := range []string{
		"node:22", "GHCR.io/o/r:RC1", "alpine:3@" + digest, digest, "user:pass@ghcr.io/x:1", "[::1]:5000/x:1", "ghcr.io/A\nB:1",
		"DOCKER.io/x:1", "Index.docker.io/x:1", "ghcr.io/x\u00a0:1", strings.Repeat("a/", 120) + "b:1", strings.Repeat("0a", 32), "a\x1b[31m:1",
	} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		name, err := fleet.ParseImage(text, fleet.DefaultRegistries)
		if err != nil {
			if name != "" || !plain(err.Error()) {
				t.Errorf("%q, and an error with control characters: %q", name, err)
			}
			return
		}
		checkNormal(t, name)
	})
}

func TestAllowedRepositories(t *testing.T) {
	allowed := []string{"docker.io/library/*", "docker.io/acme/ci", "ghcr.io/acme/*", "quay.io", "mcr.microsoft.com/*"}
	for text, want := range map[string]bool{
		"node:22": true, "docker.io/library/node:22": true, "acme/ci:1": true, "acme/ci/x:1": false, "acme/ci2:1": false, "acme/secret:1": false,
		"ghcr.io/acme/a/b:1": true, "ghcr.io/acmecorp/a:1": false, "ghcr.io/acme:1": false, "GHCR.io/acme/a@sha256:" + strings.Repeat("0a", 32): true,
		"quay.io/anybody/x:1": true, "mcr.microsoft.com/dotnet/sdk:9": true, "public.ecr.aws/x/y:1": false, "localhost/corp/private:1": false,
	} {
		_, err := fleet.ParseImage(text, allowed)
		if (err == nil) != want {
			t.Errorf("%s: %v", text, err)
		}
	}
	_, err := fleet.ParseImage("acme/secret:1", allowed)
	if want := `image "acme/secret:1" is of repository acme/secret, which is not allowed; of registry docker.io allowed are docker.io/library/*, docker.io/acme/ci; an operator allows it with allowed_registries`; err == nil || err.Error() != want {
		t.Errorf("got %v\nwant %s", err, want)
	}
	if got := fleet.NamedRepositories(allowed); strings.Join(got, " ") != "docker.io/library/* docker.io/acme/ci ghcr.io/acme/* mcr.microsoft.com/*" {
		t.Errorf("named are %q", got)
	}
}

package fleet_test

import (
	"strings"
	"testing"
	"time"

	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/fleet"
)

var noon = time.Date(2026, 11, 27, 12, 0, 0, 0, time.UTC)

func ready() fleet.ImageRecord {
	return fleet.ImageRecord{Tag: "tag", Revision: 2, Digest: "sha256:2", RunnerVersion: "2.335.0", BuiltAt: noon, UsedAt: noon}
}

// noPulls is a failure that passes by itself.
var noPulls = fleet.BuildFailure{At: noon, Reason: "too many pulls", MayPass: true}

func TestABrokenImage(t *testing.T) {
	outdated := ready()
	outdated.Outdated = "GitHub gives no jobs to its runner"
	for name, c := range map[string]struct {
		record fleet.ImageRecord
		after  time.Duration
		want   string
	}{
		"never built":                       {fleet.ImageRecord{}, 0, ""},
		"failed just now":                   {fleet.ImageRecord{}.Failed(fleet.BuildFailure{At: noon, Reason: "musl"}), 0, "Image.BuildFailed: musl"},
		"failed before the first try":       {fleet.ImageRecord{}.Failed(fleet.BuildFailure{At: noon, Reason: "musl"}), fleet.FailedBuildPause - 1, "Image.BuildFailed: musl"},
		"the first try":                     {fleet.ImageRecord{}.Failed(fleet.BuildFailure{At: noon, Reason: "musl"}), fleet.FailedBuildPause, ""},
		"failed, and a revision serves":     {ready().Failed(fleet.BuildFailure{At: noon, Reason: "musl"}), 0, ""},
		"failed, and none may be used":      {outdated.Failed(fleet.BuildFailure{At: noon, Reason: "musl"}), 0, "Image.BuildFailed: musl"},
		"no pulls just now":                 {fleet.ImageRecord{}.Failed(noPulls), 0, "Image.SourceUnavailable: too many pulls"},
		"no pulls before the first try":     {fleet.ImageRecord{}.Failed(noPulls), fleet.PassingFailurePause, ""},
		"outdated, and no build has failed": {outdated, 0, ""},
	} {
		t.Run(name, func(t *testing.T) {
			got := ""
			if err := c.record.Broken(noon.Add(c.after)); err != nil {
				got = fleet.ErrorName(err) + ": " + err.Error()
			}
			equal(t, got, c.want)
		})
	}
}

func TestABuiltImage(t *testing.T) {
	later := noon.Add(time.Hour)
	third := fleet.Build{Revision: 3, Digest: "sha256:3", RunnerVersion: "2.336.0", Size: 151_000_123}
	before := ready().Failed(fleet.BuildFailure{At: noon, Reason: "musl"})
	before.Outdated, before.Rebuild = "why", "why not"
	want := ready()
	want.Revision, want.Digest, want.RunnerVersion, want.Size, want.BuiltAt = 3, "sha256:3", "2.336.0", 151_000_123, later
	equal(t, before.Built(third, later), want)
	equal(t, want.Built(third, later.Add(time.Hour)), want)                                       // repeated
	equal(t, want.Built(fleet.Build{Revision: 2, Digest: "sha256:x"}, later), want)               // an earlier one
	equal(t, want.Built(fleet.Build{Digest: "sha256:x"}, later), want)                            // of the release before
	equal(t, fleet.ImageRecord{}.Built(fleet.Build{Digest: "sha256:x"}, noon).Digest, "sha256:x") // the same, and the first
	equal(t, fleet.ImageRecord{}.Built(third, noon).UsedAt, noon)
}

func TestWhenAnImageIsRebuilt(t *testing.T) {
	wanted := ready()
	wanted.Rebuild = "an operator asked for it"
	outdated := ready()
	outdated.Outdated = "GitHub gives no jobs to its runner"
	for name, c := range map[string]struct {
		record fleet.ImageRecord
		latest string
		after  time.Duration
		want   string
	}{
		"the runner is the latest":               {ready(), "2.335.0", 0, ""},
		"the latest is not known":                {ready(), "", 0, ""},
		"a later one is out":                     {ready(), "2.336.0", 0, "it is to have runner 2.336.0"},
		"it failed a while ago":                  {ready().Failed(fleet.BuildFailure{At: noon, Reason: "musl"}), "2.336.0", fleet.BackgroundPause - 1, ""},
		"it failed long ago":                     {ready().Failed(fleet.BuildFailure{At: noon, Reason: "musl"}), "2.336.0", fleet.BackgroundPause, "it is to have runner 2.336.0"},
		"a pull was refused a while ago":         {ready().Failed(noPulls), "2.336.0", fleet.PassingBackgroundPause - 1, ""},
		"a pull was refused some minutes ago":    {ready().Failed(noPulls), "2.336.0", fleet.PassingBackgroundPause, "it is to have runner 2.336.0"},
		"an operator asked":                      {wanted, "2.335.0", 0, "an operator asked for it"},
		"an operator asked for the first":        {fleet.ImageRecord{Rebuild: "an operator asked for it"}, "", 0, "an operator asked for it"},
		"a job will have it built":               {outdated, "2.336.0", 0, ""},
		"no job has wanted it, nor has a person": {fleet.ImageRecord{}, "2.336.0", 0, ""},
	} {
		t.Run(name, func(t *testing.T) { equal(t, c.record.WantsRebuild(c.latest, noon.Add(c.after)), c.want) })
	}
}

func TestWhatATagStandsFor(t *testing.T) {
	of := func(source string) fleet.ImageSpec {
		return fleet.ImageSpec{Kind: fleet.BaseImage, Name: "base", Arch: fleet.X64, Source: source}
	}
	tags := map[string]bool{of("").Tag(): true, of("1").Tag(): true, of("2").Tag(): true}
	if len(tags) != 3 {
		t.Errorf("tags %v", tags)
	}
	equal(t, of("1").Tag(), "580835c1c5e9117b585d48b5252c0cd9") // the same on every machine
	equal(t, fleet.RevisionTag("0a", 12), "0a-12")
	tag := of("").Tag()
	for text, ours := range map[string]bool{tag: true, fleet.RevisionTag(tag, 12): true, tag + "-": false, tag + "-x": false, tag[1:] + "-1": false, "x" + tag: false, "base": false} {
		if fleet.IsRevisionTag(text) != ours {
			t.Errorf("%s is taken for a revision of the fleet's: %t", text, !ours)
		}
	}
}

func TestStandingImages(t *testing.T) {
	p := policy()
	p.ImageSources = map[string]string{"base:x64": "1", "extra:android:arm64": "2"}
	var got []string
	for _, s := range p.StandingImages() {
		got = append(got, strings.Join([]string{string(s.Kind), s.Name, string(s.Arch), s.Source}, " "))
	}
	want := []string{"base " + p.BaseImage + " x64 1", "extra android x64 ", "base " + p.BaseImage + " arm64 ", "extra android arm64 2"}
	equal(t, strings.Join(got, "\n"), strings.Join(want, "\n"))
	p.Classes = map[string]fleet.Class{"small": {}}
	if got := p.StandingImages(); len(got) != 2 || got[0].Arch != fleet.X64 {
		t.Errorf("with classes for x64 only: %+v", got)
	}
}

func TestAnImageThatAPersonNames(t *testing.T) {
	p := policy()
	p.ImageSources = map[string]string{"on_demand:x64": "9"}
	for text, want := range map[string]fleet.ImageSpec{
		"base":          {Kind: fleet.BaseImage, Name: p.BaseImage, Arch: fleet.X64},
		p.BaseImage:     {Kind: fleet.BaseImage, Name: p.BaseImage, Arch: fleet.X64},
		"Android":       {Kind: fleet.ExtraImage, Name: "android", Arch: fleet.X64},
		"node:22":       {Kind: fleet.OnDemandImage, Name: "docker.io/library/node:22", Arch: fleet.X64, Source: "9"},
		"image:node:22": {Kind: fleet.OnDemandImage, Name: "docker.io/library/node:22", Arch: fleet.X64, Source: "9"},
	} {
		got, err := p.ImageNamed(text, fleet.X64)
		if err != nil || got != want {
			t.Errorf("%s: %+v, %v", text, got, err)
		}
	}
	for text, says := range map[string]string{
		"andriod":          `"andriod" is not an image of this fleet: name one of ` + p.BaseImage + ", android, or an image of a registry as name:tag",
		"evil.example/x:1": "evil.example, which is not allowed", "image:node": "names no tag", "node:22\n": "is not an image reference",
	} {
		if _, err := p.ImageNamed(text, fleet.X64); err == nil || !strings.Contains(err.Error(), says) {
			t.Errorf("%q: %v, want …%s…", text, err, says)
		}
	}
	p.NoOnDemandImages = "not here"
	if _, err := p.ImageNamed("node:22", fleet.X64); err == nil || err.Error() != "not here" {
		t.Errorf("where there are none on demand: %v", err)
	}
	p.Classes = map[string]fleet.Class{"small": {}}
	if _, err := p.ImageNamed("base", fleet.ARM64); err == nil || !strings.Contains(err.Error(), "no class of this fleet is arm64") {
		t.Errorf("of an architecture without a class: %v", err)
	}
}

// A job that names an image is admitted with the source of its kind.
func TestSourcesOfSpecs(t *testing.T) {
	p := policy()
	p.ImageSources = map[string]string{"base:x64": "1", "extra:android:x64": "2", "on_demand:x64": "3", "on_demand:arm64": "4"}
	for labels, want := range map[string]string{"self-hosted": "1", "android": "2", "image:node:22": "3", "image:node:22 class:arm": "4", "class:arm": ""} {
		d := p.Admit(jobOf(1, strings.Fields(labels)...))
		if d.Verdict != fleet.Admitted || d.Image.Source != want {
			t.Errorf("%s: %s with source %q, want %q", labels, d.Verdict, d.Image.Source, want)
		}
	}
}

package fleet_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/fleet"
)

func policy(change ...func(*fleet.Policy)) fleet.Policy {
	p := fleet.Policy{
		FleetName:    "fleet",
		Repositories: []string{"octo/repo"},
		Classes: map[string]fleet.Class{
			"small":  {CPU: 1024, Memory: 2048},
			"medium": {CPU: 2048, Memory: 4096, Arch: fleet.X64},
			"arm":    {CPU: 1024, Memory: 2048, Arch: fleet.ARM64},
		},
		DefaultClass: "small",
		BaseImage:    "base-1",
		ExtraImages:  map[string]string{"android": "images/android/Dockerfile"},
		FleetLabels:  []string{"team-a", "Team-B"},
		Registries:   fleet.DefaultRegistries,
	}
	for _, c := range change {
		c(&p)
	}
	return p
}

func base(arch fleet.Arch) fleet.ImageSpec {
	return fleet.ImageSpec{Kind: fleet.BaseImage, Name: "base-1", Arch: arch}
}

func TestAdmitted(t *testing.T) {
	required := func(p *fleet.Policy) { p.RequiredLabel = "Ours" }
	for name, tc := range map[string]struct {
		labels []string
		policy fleet.Policy
		class  string
		image  fleet.ImageSpec
	}{
		"self-hosted alone gets the default class":   {[]string{"self-hosted"}, policy(), "small", base(fleet.X64)},
		"self-hosted is not needed":                  {[]string{"linux"}, policy(), "small", base(fleet.X64)},
		"a class is named by its label":              {[]string{"self-hosted", "class:medium"}, policy(), "medium", base(fleet.X64)},
		"case does not matter":                       {[]string{"Self-Hosted", "LINUX", "Class:Medium"}, policy(), "medium", base(fleet.X64)},
		"a label may be repeated":                    {[]string{"class:medium", "CLASS:medium"}, policy(), "medium", base(fleet.X64)},
		"a class has its own architecture":           {[]string{"class:arm"}, policy(), "arm", base(fleet.ARM64)},
		"the architecture may be said too":           {[]string{"ARM64", "class:arm"}, policy(), "arm", base(fleet.ARM64)},
		"a class without architecture is x64":        {[]string{"X64"}, policy(), "small", base(fleet.X64)},
		"the only class of an architecture is meant": {[]string{"self-hosted", "linux", "ARM64"}, policy(), "arm", base(fleet.ARM64)},
		"the default class before the others":        {[]string{"x64"}, policy(), "small", base(fleet.X64)},
		"two run labels say nothing either":          {[]string{"self-hosted", "run:4100", "run:test-3"}, policy(), "small", base(fleet.X64)},
		"a run label says nothing":                   {[]string{"run:123-build"}, policy(), "small", base(fleet.X64)},
		"a fleet label is known":                     {[]string{"TEAM-a"}, policy(), "small", base(fleet.X64)},
		"a fleet label's own case does not matter":   {[]string{"team-b"}, policy(), "small", base(fleet.X64)},
		"the required label is there":                {[]string{"oURS"}, policy(required), "small", base(fleet.X64)},
		"an extra image is named by its label":       {[]string{"Android"}, policy(), "small", fleet.ImageSpec{Kind: fleet.ExtraImage, Name: "android", Arch: fleet.X64}},
		"a base image is named by its reference":     {[]string{"image:Node:22"}, policy(), "small", fleet.ImageSpec{Kind: fleet.OnDemandImage, Name: "docker.io/library/node:22", Arch: fleet.X64}},
		"the case of a tag is kept":                  {[]string{"IMAGE:GHCR.io/o/R:RC1"}, policy(), "small", fleet.ImageSpec{Kind: fleet.OnDemandImage, Name: "ghcr.io/o/r:RC1", Arch: fleet.X64}},
		"the case of a tag before a digest is kept":  {[]string{"image:o/R:RC1@SHA256:" + strings.Repeat("0A", 32)}, policy(), "small", fleet.ImageSpec{Kind: fleet.OnDemandImage, Name: "docker.io/o/r:RC1@sha256:" + strings.Repeat("0a", 32), Arch: fleet.X64}},
		"an image is built for the class":            {[]string{"image:ghcr.io/o/r:1", "class:arm"}, policy(), "arm", fleet.ImageSpec{Kind: fleet.OnDemandImage, Name: "ghcr.io/o/r:1", Arch: fleet.ARM64}},
		"extra images work without on-demand images": {[]string{"android"}, policy(func(p *fleet.Policy) { p.NoOnDemandImages = "no" }), "small", fleet.ImageSpec{Kind: fleet.ExtraImage, Name: "android", Arch: fleet.X64}},
		"the base image works without images":        {[]string{"linux"}, policy(func(p *fleet.Policy) { p.NoImages = "no" }), "small", base(fleet.X64)},
	} {
		t.Run(name, func(t *testing.T) {
			size := tc.policy.Classes[tc.class]
			size.Arch = tc.image.Arch
			equal(t, tc.policy.Admit(jobOf(1, tc.labels...)), fleet.Decision{Verdict: fleet.Admitted, Class: tc.class, Size: size, Image: tc.image})
		})
	}
}

func TestNotAdmitted(t *testing.T) {
	const bell = "\x1b[31m\a\n"
	noImages := func(p *fleet.Policy) { p.NoImages = "the platform has one image" }
	noOnDemand := func(p *fleet.Policy) { p.NoOnDemandImages = "image_build_project is not set" }
	required := func(p *fleet.Policy) { p.RequiredLabel = "ours" }
	second := func(p *fleet.Policy) {
		p.Classes["large-arm"] = fleet.Class{CPU: 4096, Memory: 8192, Arch: fleet.ARM64}
	}
	for name, tc := range map[string]struct {
		labels  []string
		policy  fleet.Policy
		verdict fleet.Verdict
		rule    string
		says    string
	}{
		"no labels":                                       {nil, policy(), fleet.Ignored, "labels.none", "no labels"},
		"empty labels":                                    {[]string{"", "  "}, policy(), fleet.Ignored, "labels.none", "no labels"},
		"200 labels":                                      {many(200), policy(), fleet.Ignored, "labels.too_many", "200 labels"},
		"100 labels, and none for the runner":             {many(100), policy(), fleet.Ignored, "labels.too_many", "self-hosted among them"},
		"the required label is missing":                   {[]string{"self-hosted"}, policy(required), fleet.Ignored, "labels.required", `"ours"`},
		"a machine of GitHub's":                           {[]string{"ubuntu-latest"}, policy(), fleet.Ignored, "labels.unknown", `"ubuntu-latest"`},
		"one label that is not ours":                      {[]string{"self-hosted", "gpu"}, policy(), fleet.Ignored, "labels.unknown", `"gpu"`},
		"another operating system":                        {[]string{"self-hosted", "windows"}, policy(), fleet.Ignored, "labels.unknown", `"windows"`},
		"a prefix without its colon":                      {[]string{"class"}, policy(), fleet.Ignored, "labels.unknown", `"class"`},
		"an unknown label with escapes":                   {[]string{"x" + bell}, policy(), fleet.Ignored, "labels.unknown", `x\x1b[31m\a\n`},
		"an unknown label of 300 characters":              {[]string{strings.Repeat("g", 300)}, policy(), fleet.Ignored, "labels.unknown", `ggg..."`},
		"a label of 300 characters":                       {[]string{"run:" + strings.Repeat("é", 296)}, policy(), fleet.Refused, "labels.too_long", "300 characters"},
		"a label with a comma":                            {[]string{"run:a,b"}, policy(), fleet.Refused, "labels.comma", `"run:a,b"`},
		"two classes":                                     {[]string{"class:small", "class:medium"}, policy(), fleet.Refused, "labels.several", "small, medium"},
		"two images":                                      {[]string{"image:node:22", "android"}, policy(), fleet.Refused, "labels.several", "image:node:22, android"},
		"two architectures":                               {[]string{"x64", "arm64"}, policy(), fleet.Refused, "labels.several", "x64, arm64"},
		"an unknown class":                                {[]string{"class:huge"}, policy(), fleet.Refused, "class.unknown", `"huge" is not one of arm, medium, small`},
		"a class without name":                            {[]string{"class:"}, policy(), fleet.Refused, "class.unknown", `class ""`},
		"a class with escapes":                            {[]string{"class:" + bell + "x"}, policy(), fleet.Refused, "labels.text", `\x1b[31m\a\nx`},
		"a class with a line end":                         {[]string{"class:a\nb"}, policy(), fleet.Refused, "class.unknown", `"a\nb"`},
		"a default class that is gone":                    {[]string{"linux"}, policy(func(p *fleet.Policy) { p.DefaultClass = "old" }), fleet.Refused, "class.unknown", `"old"`},
		"an architecture the class has not":               {[]string{"class:medium", "arm64"}, policy(), fleet.Refused, "class.arch", `"medium" is x64, and the job asks for arm64`},
		"an architecture that is not the class's, of two": {[]string{"class:medium", "arm64"}, policy(second), fleet.Refused, "class.arch", `"medium" is x64, and the job asks for arm64; name a class that is: class:arm, class:large-arm`},
		"an architecture that no class is":                {[]string{"arm64"}, policy(func(p *fleet.Policy) { delete(p.Classes, "arm") }), fleet.Refused, "class.arch", `the job asks for arm64; no class of this fleet is arm64; did you mean "x64"?`},
		"an extra image where there is none":              {[]string{"android"}, policy(noImages), fleet.Refused, "image.none", "the platform has one image"},
		"an image where there is none":                    {[]string{"image:node:22"}, policy(noImages), fleet.Refused, "image.none", "the platform has one image"},
		"an image that cannot be built":                   {[]string{"image:node:22"}, policy(noOnDemand), fleet.Refused, "image.not_on_demand", "image_build_project"},
		"an image without tag":                            {[]string{"image:node"}, policy(), fleet.Refused, "image.reference", `"node" names no tag`},
		"an image without name":                           {[]string{"image:"}, policy(), fleet.Refused, "image.reference", `""`},
		"an image of a foreign registry":                  {[]string{"image:evil.example/x:1"}, policy(), fleet.Refused, "image.reference", "evil.example, which is not allowed; allowed are docker.io, ghcr.io, mcr.microsoft.com, public.ecr.aws, quay.io; an operator allows it with allowed_registries"},
		"an image of a private registry":                  {[]string{"image:123456789012.dkr.ecr.eu-west-1.amazonaws.com/bases/web:3"}, policy(), fleet.Refused, "image.reference", "base_image_repositories"},
		"the same by its name for IPv6":                   {[]string{"image:123456789012.dkr-ecr.eu-west-1.on.aws/bases/web:3"}, policy(), fleet.Refused, "image.reference", "write 123456789012.dkr.ecr.eu-west-1.amazonaws.com instead"},
		"an image with escapes":                           {[]string{"image:x" + bell + ":1"}, policy(), fleet.Refused, "labels.text", `\x1b[31m\a\n`},
		"a label with a line end":                         {[]string{"self-hosted", "class:small\n"}, policy(), fleet.Refused, "labels.text", `label "class:small\n" has white space around it (a folded YAML scalar?)`},
		"a label after a space that stays":                {[]string{"self-hosted", "\u00a0Linux"}, policy(), fleet.Refused, "labels.text", `label "\u00a0Linux" has white space around it`},
		"the same label without it too":                   {[]string{"class:small", "class:small "}, policy(), fleet.Refused, "labels.text", `label "class:small "`},
		"a label with nothing in it":                      {[]string{"self-hosted", ""}, policy(), fleet.Refused, "labels.text", `label "" is empty`},
		"a label with no width":                           {[]string{"self-hosted", "\u200b"}, policy(), fleet.Refused, "labels.text", `label "\u200b" is empty`},
		"a space without width":                           {[]string{"class:\u200bsmall"}, policy(), fleet.Refused, "labels.text", `label "class:\u200bsmall" has a character that does not show`},
		"text that runs the other way":                    {[]string{"run:\u202e1"}, policy(), fleet.Refused, "labels.text", `\u202e`},
		"letters that grow short":                         {[]string{"image:\u212a\u212a:\u212a"}, policy(), fleet.Refused, "labels.text", `label "image:\u212a\u212a:\u212a"`},
		"a letter that looks like an s":                   {[]string{"cla\u017fs:small"}, policy(), fleet.Ignored, "labels.unknown", "ſ"},
		"a fleet label in such letters":                   {[]string{"\u017felf-hosted"}, policy(), fleet.Ignored, "labels.unknown", "elf-hosted"},
		"white space around a foreign label":              {[]string{"self-hosted", "gpu\n"}, policy(), fleet.Ignored, "labels.unknown", `"gpu\n"`},
		"white space around the required one":             {[]string{"ours\n"}, policy(required), fleet.Refused, "labels.text", `"ours\n"`},
	} {
		t.Run(name, func(t *testing.T) {
			d := tc.policy.Admit(jobOf(1, tc.labels...))
			if d.Verdict != tc.verdict || d.Rule != tc.rule || !strings.Contains(d.Reason, tc.says) {
				t.Errorf("got %s by %s: %s\nwant %s by %s: …%s…", d.Verdict, d.Rule, d.Reason, tc.verdict, tc.rule, tc.says)
			}
			if !plain(d.Reason) {
				t.Errorf("the reason has control characters: %q", d.Reason)
			}
		})
	}
}

// What a label may have been meant to be is said where the developer looks: of a job that
// is ours in its record, of another's in GitHub's list of webhook deliveries.
func TestWhatALabelWasMeantToBe(t *testing.T) {
	for label, want := range map[string]struct {
		verdict fleet.Verdict
		says    string
	}{
		"self-hosted class:small image:node:22": {fleet.Refused, `; it holds "self-hosted": write each label as an item of its own`},
		"['self-hosted', \"class:small\"]":      {fleet.Refused, `; it holds "self-hosted": write each label as an item of its own`},
		"linux,amd64":                           {fleet.Refused, `; it holds "linux": write each label as an item of its own`},
		"gpu,class:small":                       {fleet.Ignored, `; it holds "class:small": write each label as an item of its own`},
		"class=small":                           {fleet.Refused, `; did you mean "class:small"?`},
		"class-medium":                          {fleet.Refused, `; did you mean "class:medium"?`},
		"class medium":                          {fleet.Refused, `; did you mean "class:medium"?`},
		"Medium":                                {fleet.Ignored, `; did you mean "class:medium"?`},
		"image=node:22":                         {fleet.Refused, `; did you mean "image:node:22"?`},
		"image=ubuntu22-full-x64":               {fleet.Ignored, ""},
		"image-node:22":                         {fleet.Ignored, ""},
		"run=4100":                              {fleet.Refused, `; did you mean "run:4100"?`},
		"amd64":                                 {fleet.Refused, `; did you mean "x64"?`},
		"aarch64":                               {fleet.Refused, `; did you mean "arm64"?`},
		"ARM":                                   {fleet.Ignored, `; did you mean "arm64"?`},
		"selfhosted":                            {fleet.Refused, `; did you mean "self-hosted"?`},
		"class=huge":                            {fleet.Ignored, ""},
		"gpu large":                             {fleet.Ignored, ""},
		"ubuntu-latest":                         {fleet.Ignored, ""},
		"image-builder":                         {fleet.Ignored, ""},
		"runs-on,runner=2cpu-linux-x64":         {fleet.Ignored, ""},
	} {
		d := policy().Admit(jobOf(1, "self-hosted", label))
		if text := fmt.Sprintf("label %q is not one of this fleet's%s", strings.ToLower(label), want.says); d.Verdict != want.verdict || d.Reason != text {
			t.Errorf("got %s: %s\nwant %s: %s", d.Verdict, d.Reason, want.verdict, text)
		}
	}
}

// One label that is another's makes the job another's, whatever the others look like.
func TestNextToAForeignLabelNothingIsNear(t *testing.T) {
	for _, labels := range [][]string{{"class=small", "gpu"}, {"gpu", "class=small"}} {
		if d := policy().Admit(jobOf(1, labels...)); d.Verdict != fleet.Ignored || !strings.Contains(d.Reason, `"gpu"`) {
			t.Errorf("%q: %s: %s", labels, d.Verdict, d.Reason)
		}
	}
}

// many returns n different known labels.
func many(n int) []string {
	out := make([]string, n)
	for i := range out {
		out[i] = fmt.Sprintf("run:%d", i)
	}
	return out
}

func TestAsManyLabelsAsARunnerCanHave(t *testing.T) {
	labels := make([]string, fleet.MaxLabels)
	for i := range labels {
		labels[i] = fmt.Sprintf("team-%d", i)
	}
	p := policy(func(p *fleet.Policy) { p.FleetLabels = labels })

	job := jobOf(1, labels[1:]...)
	equal(t, p.Admit(job).Verdict, fleet.Admitted)
	equal(t, len(fleet.RunnerLabels(job)), fleet.MaxLabels)

	equal(t, p.Admit(jobOf(1, labels...)).Rule, "labels.too_many")
}

func TestALabelOfTheGreatestLengthIsAdmitted(t *testing.T) {
	label := "run:" + strings.Repeat("é", fleet.MaxLabelLength-4)
	equal(t, policy().Admit(jobOf(1, label)).Verdict, fleet.Admitted)
}

func TestPublicRepositories(t *testing.T) {
	public := func(repository string, labels ...string) fleet.Job {
		job := jobOf(1, labels...)
		job.Private, job.Repository = false, repository
		return job
	}
	allowed := policy(func(p *fleet.Policy) { p.AllowPublic = true })
	for name, tc := range map[string]struct {
		policy fleet.Policy
		job    fleet.Job
		rule   string
		says   string
	}{
		"are refused":                           {policy(), public("octo/open", "linux"), "repository.public", "octo/open is public"},
		"are refused before anything is parsed": {policy(), public("octo/open", "image:?", "class:?"), "repository.public", "octo/open"},
		"are not ours with a foreign label":     {policy(), public("octo/open", "gpu"), "labels.unknown", "gpu"},
		"cannot break a line":                   {policy(), public("octo/\nopen", "linux"), "repository.public", `"octo/\nopen" is public`},
		"are admitted if that is wanted":        {allowed, public("octo/open", "linux"), "", ""},
	} {
		t.Run(name, func(t *testing.T) {
			d := tc.policy.Admit(tc.job)
			if d.Rule != tc.rule || !strings.Contains(d.Reason, tc.says) {
				t.Errorf("got %s: %s, want %s: …%s…", d.Rule, d.Reason, tc.rule, tc.says)
			}
		})
	}
}

func TestAllowsRepository(t *testing.T) {
	p := fleet.Policy{Repositories: []string{"Octo/Repo"}}
	for repository, want := range map[string]bool{"octo/repo": true, "OCTO/REPO": true, "octo/repo2": false, "octo": false, "": false} {
		if p.AllowsRepository(repository) != want {
			t.Errorf("%q: want %t", repository, want)
		}
	}
}

func TestBuiltInLabels(t *testing.T) {
	for label, want := range map[string]bool{
		"self-hosted": true, "Linux": true, "x64": true, "ARM64": true, "class:a": true, "Image:": true, "run:1": true,
		"windows": false, "class": false, "xclass:a": false, "": false,
	} {
		if fleet.IsBuiltInLabel(label) != want {
			t.Errorf("%q: want %t", label, want)
		}
	}
}

func TestRunnerLabels(t *testing.T) {
	for name, tc := range map[string]struct{ labels, want []string }{
		"are the job's in lower case":      {[]string{"Self-Hosted", "Class:A"}, []string{"self-hosted", "class:a"}},
		"have self-hosted in any case":     {[]string{"class:a"}, []string{"self-hosted", "class:a"}},
		"have each label once":             {[]string{"linux", "LINUX"}, []string{"self-hosted", "linux"}},
		"are the job's own text":           {[]string{"run:1\n"}, []string{"self-hosted", "run:1\n"}},
		"keep the order":                   {[]string{"linux", "self-hosted"}, []string{"linux", "self-hosted"}},
		"are self-hosted alone if need be": {nil, []string{"self-hosted"}},
	} {
		t.Run(name, func(t *testing.T) { equal(t, fleet.RunnerLabels(jobOf(1, tc.labels...)), tc.want) })
	}
}

func TestCanRun(t *testing.T) {
	for name, tc := range map[string]struct {
		runner, job []string
		want        bool
	}{
		"the same labels":                    {[]string{"self-hosted", "linux"}, []string{"self-hosted", "linux"}, true},
		"fewer labels":                       {[]string{"self-hosted", "linux"}, []string{"linux"}, true},
		"another order and case":             {[]string{"self-hosted", "linux"}, []string{"LINUX", "Self-Hosted"}, true},
		"a label that the runner lacks":      {[]string{"self-hosted", "linux"}, []string{"linux", "x64"}, false},
		"a label with a line end":            {[]string{"class:a"}, []string{"class:a\n"}, false},
		"a label that merely begins alike":   {[]string{"class:a"}, []string{"class:ab"}, false},
		"no labels at all run on any runner": {[]string{"self-hosted"}, nil, true},
	} {
		t.Run(name, func(t *testing.T) { equal(t, fleet.CanRun(tc.runner, jobOf(1, tc.job...)), tc.want) })
	}
}

func TestARunnerCanRunItsOwnJob(t *testing.T) {
	job := jobOf(1, "Linux", "class:Medium", "image:Node:22")
	equal(t, fleet.CanRun(fleet.RunnerLabels(job), job), true)
}

func FuzzAdmit(f *testing.F) {
	f.Add("self-hosted\tclass:medium\timage:node:22", "octo/repo", true)
	f.Add("android\tarm64", "octo/repo", true)
	f.Add("image:evil.example/x\x1b:1", "octo/\nrepo", false)
	f.Add("class:\u202e\xff\trun:a,b", "", true)
	p := policy()
	f.Fuzz(func(t *testing.T, labels, repository string, private bool) {
		job := fleet.Job{JobID: 1, Repository: repository, Private: private, Labels: strings.Split(labels, "\t")}
		d := p.Admit(job)
		if diff := cmp.Diff(d, p.Admit(job)); diff != "" {
			t.Errorf("decided twice, differently:\n%s", diff)
		}
		if !plain(d.Reason) {
			t.Errorf("the reason has control characters: %q", d.Reason)
		}
		if d.Verdict != fleet.Admitted {
			if d.Rule == "" || d.Reason == "" {
				t.Errorf("%s without a rule or a reason: %+v", d.Verdict, d)
			}
			return
		}
		if _, ok := p.Classes[d.Class]; !ok || d.Size.Arch == "" || d.Image.Arch != d.Size.Arch {
			t.Errorf("class %q, size %+v and image %+v do not fit", d.Class, d.Size, d.Image)
		}
		if !fleet.CanRun(fleet.RunnerLabels(job), job) {
			t.Error("its own runner cannot run it")
		}
		if d.Image.Kind == fleet.OnDemandImage {
			checkNormal(t, d.Image.Name)
		}
	})
}

package config

import (
	"maps"
	"regexp"
	"slices"
	"strings"

	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/fleet"
)

var (
	className = regexp.MustCompile(`^[a-z0-9]([a-z0-9._-]{0,62}[a-z0-9])?$`)
	labelText = regexp.MustCompile(`^[a-z0-9._:/@+=-]+$`)

	// hostedLabel are the labels that GitHub's own machines answer to. A job
	// with one of them may go there, whatever we do.
	hostedLabel = regexp.MustCompile(`^(ubuntu|windows|macos)-(latest|slim|[0-9].*)$`)
)

func (c *Config) checkClasses(r *review) {
	const key = "runner_class_sizes"
	if len(c.RunnerClassSizes) == 0 {
		r.add(key, "names no class; name at least one, or delete the key to get small, medium and large")
		return
	}
	for name, class := range c.RunnerClassSizes {
		at := joined(key, name)
		if !className.MatchString(name) {
			r.add(at, "%s is not a name for a class; use up to 64 of a-z, 0-9, ., _ and -, beginning and ending with a letter or digit", quote(name))
		}
		switch {
		case !r.given(at): // a default
		case !r.given(at + ".cpu"):
			r.add(at, "lacks cpu, in CPU units (1024 is one vCPU)")
		case !r.given(at + ".memory"):
			r.add(at, "lacks memory, in MiB")
		default:
			if err := class.Check(); err != nil {
				r.add(at, "%s", err)
			}
		}
	}
	if !r.readable(key) {
		return
	}
	names := strings.Join(slices.Sorted(maps.Keys(c.RunnerClassSizes)), ", ")
	if c.DefaultClass == "" {
		r.add("default_class", "is missing, and no class is called small; name the class of jobs that ask for none: one of %s", quote(names))
	} else if _, ok := c.RunnerClassSizes[c.DefaultClass]; !ok {
		r.add("default_class", "%s is not one of the classes %s", quote(c.DefaultClass), quote(names))
	}
}

func (c *Config) checkLabels(r *review) {
	if r.given("required_label") {
		c.checkLabel(r, "required_label", c.RequiredLabel)
	}
	for i, label := range c.FleetLabels {
		key := indexed("fleet_labels", i)
		c.checkLabel(r, key, label)
		if slices.Contains(c.FleetLabels[:i], label) {
			r.add(key, "%s is listed twice", quote(label))
		}
	}
	for label := range c.ExtraRunnerImages {
		key := joined("extra_runner_images", label)
		c.checkLabel(r, key, label)
		switch {
		case label == c.RequiredLabel:
			r.add(key, "%s is the required_label too, so every job would ask for this image", quote(label))
		case slices.Contains(c.FleetLabels, label):
			r.add(key, "%s is one of fleet_labels too; a label means one thing", quote(label))
		}
	}
}

// checkLabel refuses what cannot be a plain label of this fleet.
func (c *Config) checkLabel(r *review, key, label string) {
	switch {
	case !labelText.MatchString(label) || len(label) > fleet.MaxLabelLength:
		r.add(key, "%s is not a label; use up to %d of a-z, 0-9 and ._:/@+=- (upper case is the same as lower)", quote(label), fleet.MaxLabelLength)
	case fleet.IsBuiltInLabel(label) && key != "required_label":
		r.add(key, "%s has a meaning in every fleet (%s); choose another", quote(label), builtInLabels())
	case hostedLabel.MatchString(label):
		r.add(key, "%s is a label of GitHub's own machines, which would take such jobs too; choose another", quote(label))
	}
}

// builtInLabels names them for people, as in class:….
func builtInLabels() string {
	labels := fleet.BuiltInLabels()
	for i, label := range labels {
		if strings.HasSuffix(label, ":") {
			labels[i] += "…"
		}
	}
	return strings.Join(labels, ", ")
}

package forecast

import (
	"fmt"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/config"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/fleet"
)

// limitsKey holds the keys of limits.
const limitsKey = "limits"

// variable are the keys of the configuration that have a number or a time, and on which a
// forecast depends. Keys of limits have its name before them.
var variable = []string{"max_runners", "max_runners_per_repository", "on_demand_builds_per_day", "on_demand_builds_at_once", "spot_retry"}

// Variable are all keys that can be varied.
func Variable() []string { return append(slices.Clone(variable), limitKeys()...) }

func limitKeys() (keys []string) {
	for field := range reflect.TypeFor[fleet.Limits]().Fields() {
		if name, _, _ := strings.Cut(field.Tag.Get("json"), ","); field.Tag.Get("yaml") != "-" {
			keys = append(keys, limitsKey+"."+name)
		}
	}
	return keys
}

// plain is what a number or a time is made of.
var plain = regexp.MustCompile(`^[0-9][0-9a-z.]*$`)

// mostValues bounds how many simulations one command plays.
const mostValues = 20

// Vary is a key of the configuration with the values to try.
type Vary struct {
	Key    string
	Values []string
}

// ParseVary reads KEY=a,b,c.
func ParseVary(text string) (Vary, error) {
	key, values, ok := strings.Cut(text, "=")
	switch {
	case !ok || key == "":
		return Vary{}, fmt.Errorf("%q: write a key and its values, as in max_runners=20,50,100", text)
	case !slices.Contains(Variable(), key):
		return Vary{}, fmt.Errorf("%q is no key that can be varied; there are %s", key, strings.Join(Variable(), ", "))
	}
	v := Vary{Key: key}
	for _, value := range strings.Split(values, ",") {
		if value = strings.TrimSpace(value); !plain.MatchString(value) {
			return Vary{}, fmt.Errorf("%q is not a number or a time such as 5m: write the values between commas, as in max_runners=20,50,100", value)
		}
		if slices.Contains(v.Values, value) {
			return Vary{}, fmt.Errorf("%q has %s twice", text, value)
		}
		v.Values = append(v.Values, value)
	}
	if len(v.Values) > mostValues {
		return Vary{}, fmt.Errorf("it has %d values: use %d at most", len(v.Values), mostValues)
	}
	return v, nil
}

// Override is the configuration with one value. base is the configuration without.
func (v Vary) Override(value string, base config.Config) config.Override {
	o := config.Override{Key: v.Key, Text: value, From: "--vary"}
	_, limit, ok := strings.Cut(v.Key, ".")
	if !ok {
		return o
	}
	o.Key = limitsKey
	var all []string
	limits := reflect.ValueOf(base.Limits)
	for i, field := range reflect.VisibleFields(limits.Type()) {
		name, _, _ := strings.Cut(field.Tag.Get("json"), ",")
		if field.Tag.Get("yaml") == "-" {
			continue
		}
		text := limits.Field(i).Interface().(time.Duration).String()
		if name == limit {
			text = value
		}
		all = append(all, name+": "+text)
	}
	o.Text = "{" + strings.Join(all, ", ") + "}"
	return o
}

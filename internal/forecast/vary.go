package forecast

import (
	"fmt"
	"reflect"
	"slices"
	"strconv"
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
func Variable() []string { return append(append(slices.Clone(variable), warmKey), limitKeys()...) }

func limitKeys() (keys []string) {
	for field := range reflect.TypeFor[fleet.Limits]().Fields() {
		if name, _, _ := strings.Cut(field.Tag.Get("json"), ","); field.Tag.Get("yaml") != "-" {
			keys = append(keys, limitsKey+"."+name)
		}
	}
	return keys
}

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
	case !slices.Contains(Variable(), key) && !(Vary{Key: key}).OfWarm():
		return Vary{}, fmt.Errorf("%q is no key that can be varied; there are %s", key, strings.Join(Variable(), ", "))
	}
	v, texts, seen := Vary{Key: key}, strings.Split(values, ","), map[int64]bool{}
	if len(texts) > mostValues {
		return Vary{}, fmt.Errorf("it has %d values: use %d at most", len(texts), mostValues)
	}
	for _, value := range texts {
		value = strings.TrimSpace(value)
		read := number
		if strings.HasPrefix(key, limitsKey+".") {
			read = length
		}
		n, err := read(key, value)
		switch {
		case err != nil:
			return Vary{}, err
		case seen[n]:
			return Vary{}, fmt.Errorf("%q has %s twice", text, value)
		}
		seen[n] = true
		v.Values = append(v.Values, value)
	}
	return v, nil
}

// number reads a whole number in decimal digits.
func number(key, text string) (int64, error) {
	n, err := strconv.ParseInt(text, 10, 32)
	digits := strings.TrimLeft(text, "0123456789") == "" && text != ""
	switch {
	case strings.HasPrefix(text, "-"):
		return 0, fmt.Errorf("%q is negative: write a number from 0 on", text)
	case !digits:
		return 0, fmt.Errorf("%q is not a whole number: write the values between commas, as in %s=20,50,100", text, key)
	case err != nil:
		return 0, fmt.Errorf("%q is too large: write a smaller number", text)
	case text != strconv.FormatInt(n, 10):
		return 0, fmt.Errorf("%q begins with a zero: write it as %d", text, n)
	}
	return n, nil
}

// length reads a time.
func length(key, text string) (int64, error) {
	if strings.HasPrefix(text, "-") {
		return 0, fmt.Errorf("%q is negative: write a time such as 5m", text)
	}
	d, err := time.ParseDuration(text)
	if err != nil {
		return 0, fmt.Errorf("%q is not a time: write it with its unit, as in %s=5m,1h30m", text, key)
	}
	return int64(d), nil
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

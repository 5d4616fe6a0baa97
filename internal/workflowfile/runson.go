package workflowfile

import (
	"fmt"
	"maps"
	"slices"
)

// asks is what the jobs of a matrix ask for by runs-on, each thing once.
func asks(runsOn any, jobs []map[string]any) (all []Ask) {
	for _, job := range jobs {
		a := ask(runsOn, job)
		i := slices.IndexFunc(all, func(other Ask) bool {
			return slices.Equal(a.Labels, other.Labels) && a.Group == other.Group && a.Unknown == other.Unknown && a.Wrong == other.Wrong
		})
		if i < 0 {
			i, all = len(all), append(all, a)
		}
		all[i].Jobs++
	}
	return all
}

// ask is what runs-on asks for: a label, a list of them, or a mapping of group and labels.
func ask(runsOn any, job map[string]any) (a Ask) {
	v := resolve(runsOn, job)
	of, isMapping := v.(map[string]any)
	if isMapping {
		switch group := resolve(of["group"], job).(type) {
		case string:
			a.Group = group
		case unknown:
			a.Group = string(group)
		}
		v = resolve(of["labels"], job)
	}
	switch v := v.(type) {
	case unknown:
		a.Unknown = string(v)
	case string:
		a.Labels = []string{v}
	case []any:
		a.Labels, a.Unknown, a.Wrong = labels(v, job)
	case nil:
		if !isMapping {
			a.Labels = []string{""}
		}
	default:
		a.Wrong = wrongLabel(v)
	}
	return a
}

// wrongLabel says what is wrong with a value that is no label.
func wrongLabel(v any) string {
	of, ok := v.(map[string]any)
	if !ok {
		return "runs-on has a list within its list; write one list of labels"
	}
	for _, key := range slices.Sorted(maps.Keys(of)) {
		if value, ok := of[key].(string); ok {
			return fmt.Sprintf("runs-on has a mapping in its list; write %s:%s, without a space behind the colon", key, value)
		}
	}
	return "runs-on has a mapping where a label stands; write labels as texts"
}

func resolve(v any, job map[string]any) any {
	if text, ok := v.(string); ok {
		return evaluate(text, job)
	}
	return v
}

func labels(list []any, job map[string]any) (labels []string, missing, wrong string) {
	for _, item := range list {
		switch v := resolve(item, job).(type) {
		case string:
			labels = append(labels, v)
		case nil:
			labels = append(labels, "")
		case unknown:
			return nil, string(v), ""
		case map[string]any, []any:
			return nil, "", wrongLabel(v)
		default:
			labels = append(labels, fmt.Sprint(v))
		}
	}
	return labels, "", ""
}

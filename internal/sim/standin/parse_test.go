package standin

import (
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestParseEnv(t *testing.T) {
	for name, tc := range map[string]struct {
		content string
		want    map[string]string
		fails   bool
	}{
		"nothing":                           {"", map[string]string{}, false},
		"a line":                            {"A=b\n", map[string]string{"A": "b"}, false},
		"a value may hold an equals sign":   {"A=b=c\n", map[string]string{"A": "b=c"}, false},
		"a value may be empty":              {"A=\n", map[string]string{"A": ""}, false},
		"a value may look like a delimiter": {"A=b<<c\n", map[string]string{"A": "b<<c"}, false},
		"the later one counts":              {"A=b\nA=c\n", map[string]string{"A": "c"}, false},
		"several lines":                     {"A<<E\nb\n\nc=d\nE\nF=g\n", map[string]string{"A": "b\n\nc=d", "F": "g"}, false},
		"no lines":                          {"A<<E\nE\n", map[string]string{"A": ""}, false},
		"a delimiter that does not come":    {"A<<E\nb\n", nil, true},
		"no name":                           {"=b\n", nil, true},
		"no sense":                          {"hello\n", nil, true},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := parseEnv(tc.content)
			if diff := cmp.Diff(tc.want, got); diff != "" || (err != nil) != tc.fails {
				t.Errorf("error %v: %s", err, diff)
			}
		})
	}
}

func FuzzParseEnv(f *testing.F) {
	f.Add("A=b\nC<<E\nd\nE\n")
	f.Fuzz(func(t *testing.T, content string) {
		variables, err := parseEnv(content)
		for name := range variables {
			if err == nil && name == "" {
				t.Error("a variable without a name")
			}
		}
	})
}

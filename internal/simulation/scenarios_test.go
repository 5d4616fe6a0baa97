package simulation

import "testing"

func TestScenarios(t *testing.T) {
	all, err := Scenarios()
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range all {
		t.Run(s.Name, func(t *testing.T) {
			t.Parallel()
			if err := s.Judge(Run(s, 1, Watch{})); err != nil {
				t.Error(err)
			}
		})
	}
}

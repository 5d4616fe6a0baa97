package console

import (
	"regexp"
	"slices"
	"strings"
	"testing"
)

// TestListsAreSorted: each list that is complete is sorted by its heads, in both directions.
func TestListsAreSorted(t *testing.T) {
	c := newBusy(t, nil)
	mains := regexp.MustCompile(`class="main-link"[^>]*>([^<]*)<|href="/(?:runners)/([^"]*)" class="main-link"`)
	names := func(at string) (all []string, body string) {
		t.Helper()
		_, body = get(t, c, at)
		for _, m := range mains.FindAllStringSubmatch(body, -1) {
			all = append(all, m[1]+m[2])
		}
		if len(all) < 2 {
			t.Fatalf("%s has %q", at, all)
		}
		return all, body
	}
	for _, list := range []struct{ at, name string }{
		{"/runners?phase=open&", "runner"}, {"/images?", "image"}, {"/classes?", "class"}, {"/repositories?", "repository"},
	} {
		up, body := names(list.at + "sort=" + list.name)
		down, _ := names(list.at + "sort=-" + list.name)
		slices.Reverse(down)
		lower := func(a, b string) int { return strings.Compare(strings.ToLower(a), strings.ToLower(b)) }
		if !slices.Equal(up, down) || !slices.IsSortedFunc(up, lower) {
			t.Errorf("%s: up %q, down and reversed %q", list.at, up, down)
		}
		if strings.Count(body, `aria-sort="ascending"`) != 1 || !strings.Contains(body, "sort=-"+list.name) {
			t.Errorf("%s does not say that it is sorted, or does not lead to the other direction", list.at)
		}
		if _, body := names(list.at + "sort=%22%3E%3Cscript%3E"); strings.Contains(body, "aria-sort") || strings.Contains(body, "<script>") {
			t.Errorf("%s is sorted by nothing that there is", list.at)
		}
	}
	// The list of all has one order, and begins anew after what is no cursor.
	if got, body := names("/runners?sort=runner&after=fleet-1-1"); len(got) != perPage || strings.Contains(body, "aria-sort") {
		t.Errorf("after no cursor there are %d, or they are sorted", len(got))
	}
	// Open ones go on from the start if the runner is forgotten that the page before ended with.
	first, _ := names("/runners?phase=open&sort=runner")
	if again, _ := names("/runners?phase=open&sort=runner&after=fleet-1-1"); !slices.Equal(first, again) {
		t.Errorf("after a forgotten runner there are %q", again)
	}
	if rest, _ := names("/runners?phase=open&sort=runner&after=" + first[1]); !slices.Equal(rest, first[2:]) {
		t.Errorf("after %s there are %q", first[1], rest)
	}
}

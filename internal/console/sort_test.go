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
			all = append(all, m[1])
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
	// A page leads to the next one of the same order.
	if _, body := names("/runners?sort=runner"); !regexp.MustCompile(`after=[^"]*sort=runner|sort=runner[^"]*after=`).MatchString(body) {
		t.Error("the next page has another order")
	}
	// The list goes on from the start if the runner is forgotten that the page before ended with.
	if got, _ := names("/runners?after=fleet-1-1"); len(got) != perPage {
		t.Errorf("after a forgotten runner there are %d", len(got))
	}
}

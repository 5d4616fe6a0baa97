package doctable

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestATableReplacesTheOneOfItsName(t *testing.T) {
	page := filepath.Join(t.TempDir(), "page.md")
	if err := os.WriteFile(page, []byte("before\n<!-- speed -->\nold\n<!-- end of speed -->\nafter\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	table := New("what", "how fast")
	table.Row("this", "1 ms")
	table.Note("on %d processors", 2)
	for range 2 { // again changes nothing
		if err := table.Write(page, "speed"); err != nil {
			t.Fatal(err)
		}
		got, err := os.ReadFile(page)
		if err != nil {
			t.Fatal(err)
		}
		want := "before\n<!-- speed -->\n| what | how fast |\n| --- | --- |\n| this | 1 ms |\n\non 2 processors\n<!-- end of speed -->\nafter\n"
		if string(got) != want {
			t.Errorf("the page is\n%s\nwant\n%s", got, want)
		}
	}
	if err := table.Write(page, "size"); err == nil || !strings.Contains(err.Error(), `no place for the table "size"`) {
		t.Errorf("a table that has no place: %v", err)
	}
}

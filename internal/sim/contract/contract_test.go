package contract_test

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/sim/contract"
)

// found collects the errors with which a Contract would fail a test.
type found []string

func (f *found) Errorf(format string, args ...any) { *f = append(*f, fmt.Sprintf(format, args...)) }

const (
	runner   = `{"id": 23, "name": "r", "os": "unknown", "status": "offline", "busy": false, "labels": [{"id": 5, "name": "x", "type": "custom"}], "version": null}`
	register = "POST /repos/o/r/actions/runners/generate-jitconfig"
	get      = "GET /repos/o/r/actions/runners/23"
	list     = "GET /repos/o/r/actions/runners"
	refusal  = `{"message": "Not Found", "documentation_url": "https://docs.github.com/rest", "status": "404"}`
)

// exchange is a request and its answer.
type exchange struct {
	request string // method and address
	body    string
	status  int
	answer  string
	header  string // "Name: value" of both
}

// place puts a Contract between a handler and the client that calls it.
type place func(*contract.Contract, http.Handler) (http.Handler, http.RoundTripper)

func atServer(c *contract.Contract, h http.Handler) (http.Handler, http.RoundTripper) {
	return c.Handler(h), http.DefaultTransport
}

func atClient(c *contract.Contract, h http.Handler) (http.Handler, http.RoundTripper) {
	return h, c.Transport(http.DefaultTransport)
}

func requestsOnly(c *contract.Contract, h http.Handler) (http.Handler, http.RoundTripper) {
	return c.Requests(h), http.DefaultTransport
}

func (e exchange) through(t *testing.T, at place) (found, *contract.Contract) {
	t.Helper()
	var reports found
	c := contract.New(&reports)
	handler, transport := at(c, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if body, _ := io.ReadAll(r.Body); string(body) != e.body {
			t.Errorf("the server got %q, want %q", body, e.body)
		}
		w.Header().Set("Content-Type", "application/json; charset=utf-8")
		if strings.HasPrefix(e.answer, "<") {
			w.Header().Set("Content-Type", "text/html")
		}
		w.WriteHeader(e.status)
		io.WriteString(w, e.answer)
	}))
	server := httptest.NewServer(handler)
	defer server.Close()

	method, path, _ := strings.Cut(e.request, " ")
	req, err := http.NewRequestWithContext(t.Context(), method, server.URL+path, strings.NewReader(e.body))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("User-Agent", "test")
	if e.body != "" {
		req.Header.Set("Content-Type", "application/json")
	}
	if name, value, ok := strings.Cut(e.header, ": "); ok {
		req.Header.Set(name, value)
	}
	resp, err := (&http.Client{Transport: transport}).Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	if got, _ := io.ReadAll(resp.Body); resp.StatusCode != e.status || string(got) != e.answer {
		t.Errorf("the client got %d %q, want %d %q", resp.StatusCode, got, e.status, e.answer)
	}
	return reports, c
}

func TestWhatFails(t *testing.T) {
	const wanted = `{"name": "r", "runner_group_id": 1, "labels": ["x"]}`
	const registered = `{"encoded_jit_config": "eyJ9", "runner": ` + runner + `}`
	for name, tc := range map[string]struct {
		exchange
		want string // "" is nothing
	}{
		"a right answer":                       {exchange{get, "", 200, runner, ""}, ""},
		"a right request with a body":          {exchange{register, wanted, 201, registered, ""}, ""},
		"a page of a repository by its id":     {exchange{"GET /repositories/9/actions/runners?per_page=1&page=2", "", 200, `{"total_count": 0, "runners": []}`, ""}, ""},
		"the address of an Enterprise Server":  {exchange{"GET /api/v3" + get[4:], "", 200, runner, ""}, ""},
		"a described error":                    {exchange{register, wanted, 404, refusal, ""}, ""},
		"an error that anything may get":       {exchange{get, "", 404, refusal, ""}, ""},
		"what is not the API":                  {exchange{"GET /o/r/actions/runs/1", "", 418, "tea", ""}, ""},
		"a wrong request on purpose":           {exchange{register, "{", 400, `{"message": "Problems parsing JSON"}`, contract.OnPurpose + ": true"}, ""},
		"a right one that was to be wrong":     {exchange{get, "", 200, runner, contract.OnPurpose + ": true"}, "was to violate GitHub's contract and does not"},
		"a request without a User-Agent":       {exchange{get, "", 200, runner, "User-Agent: "}, "there is no User-Agent"},
		"a request to nowhere":                 {exchange{"GET /repos/o/r/actions/runner/23", "", 404, refusal, ""}, "GitHub describes no GET"},
		"a method that is not there":           {exchange{"PATCH" + get[3:], "", 404, refusal, ""}, "GitHub describes no PATCH"},
		"an id that is no number":              {exchange{get + "x", "", 404, refusal, ""}, `"runner_id" in path has an error`},
		"a request without labels":             {exchange{register, `{"name": "r", "runner_group_id": 1, "labels": []}`, 201, registered, ""}, "minimum number of items is 1"},
		"a request without a field":            {exchange{register, `{"name": "r", "labels": ["x"]}`, 201, registered, ""}, `property "runner_group_id" is missing`},
		"a request with an invented field":     {exchange{register, `{"name": "r", "runner_group_id": 1, "labels": ["x"], "job_id": 1}`, 201, registered, ""}, `property "job_id" is unsupported`},
		"a body where none belongs":            {exchange{get, "{}", 200, runner, ""}, "request body not allowed"},
		"an invented query parameter":          {exchange{list + "?labels=x", "", 200, `{"total_count": 0, "runners": []}`, ""}, `query parameter "labels" is not described`},
		"a query parameter twice":              {exchange{list + "?page=1&page=2", "", 200, `{"total_count": 0, "runners": []}`, ""}, `query parameter "page" comes 2 times`},
		"a filter that is not known":           {exchange{"GET /repos/o/r/actions/runs?status=running", "", 200, `{"total_count": 0, "workflow_runs": []}`, ""}, "not one of the allowed values"},
		"an answer with a wrong type":          {exchange{get, "", 200, strings.Replace(runner, "23", `"23"`, 1), ""}, `value must be an integer`},
		"an answer with a null":                {exchange{get, "", 200, strings.Replace(runner, `"unknown"`, "null", 1), ""}, "Value is not nullable"},
		"an answer that lacks a field":         {exchange{get, "", 200, strings.Replace(runner, `"busy": false, `, "", 1), ""}, `property "busy" is missing`},
		"an answer with an invented field":     {exchange{get, "", 200, strings.Replace(runner, `"busy"`, `"idle": true, "busy"`, 1), ""}, `property "idle" is unsupported`},
		"an invented field further inside":     {exchange{get, "", 200, strings.Replace(runner, `"custom"`, `"custom", "color": "red"`, 1), ""}, `property "color" is unsupported`},
		"a success that is not described":      {exchange{get, "", 201, runner, ""}, "this status is not described"},
		"an error that is not described":       {exchange{get, "", 409, refusal, ""}, "this status is not described"},
		"an error without a message":           {exchange{get, "", 404, `{"status": "404"}`, ""}, "an error must have a message"},
		"an error that contradicts its status": {exchange{get, "", 403, refusal, ""}, "its status says 404"},
		"an error with an invented field":      {exchange{get, "", 404, `{"message": "m", "code": 7}`, ""}, `property "code" is unsupported`},
		"an error that is a page":              {exchange{get, "", 502, "<html>Unicorn!</html>", ""}, `its content type is "text/html"`},
		"a success that is a page":             {exchange{get, "", 200, "<html>Welcome</html>", ""}, "header Content-Type has unexpected value"},
		"an answer cut short":                  {exchange{get, "", 200, `{"id": 23`, ""}, "failed to decode response body"},
		"a field of an error with a wrong type": {exchange{"POST /repos/o/r/actions/runs/1/cancel", "", 409, `{"message": "m", "url": 1}`, ""},
			"value must be a string"},
	} {
		for end, at := range map[string]place{"server": atServer, "client": atClient} {
			t.Run(name+" at the "+end, func(t *testing.T) {
				reports, _ := tc.through(t, at)
				switch all := strings.Join(reports, "\n"); {
				case tc.want == "" && all != "":
					t.Errorf("it reports %s", all)
				case len(reports) > 1 || !strings.Contains(all, tc.want):
					t.Errorf("it reports %q, want one report with %q", all, tc.want)
				}
			})
		}
	}
}

func TestRequestsIgnoresTheAnswer(t *testing.T) {
	if reports, _ := (exchange{get, "", 200, "{}", ""}).through(t, requestsOnly); len(reports) != 0 {
		t.Errorf("it reports %s", reports)
	}
	if reports, _ := (exchange{list + "?x=1", "", 200, "{}", ""}).through(t, requestsOnly); len(reports) != 1 {
		t.Errorf("it reports %s, want one violation", reports)
	}
}

func TestSeenAndDescribed(t *testing.T) {
	_, c := exchange{"DELETE" + get[3:], "", 204, "", ""}.through(t, atServer)
	const operation = "DELETE /repos/{owner}/{repo}/actions/runners/{runner_id} "
	if diff := cmp.Diff([]string{operation + "204"}, c.Seen()); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff([]string{operation + "204", operation + "422"}, c.Described()); diff != "" {
		t.Error(diff)
	}
}

// TestOnlyTestsUseIt keeps GitHub's description and its checker out of everything that
// is deployed.
func TestOnlyTestsUseIt(t *testing.T) {
	const root = "../../.."
	err := filepath.WalkDir(root, func(path string, entry fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case entry.IsDir() && path != root && strings.HasPrefix(entry.Name(), "."):
			return filepath.SkipDir
		case !strings.HasSuffix(path, ".go") || strings.HasSuffix(path, "_test.go"):
			return nil
		}
		content, err := os.ReadFile(path)
		if errors.Is(err, fs.ErrNotExist) {
			return nil // it existed a moment ago
		}
		if strings.Contains(string(content), `internal/sim/contract"`) {
			t.Errorf("%s imports this package", path)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
}

package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/local/sqlite"
)

// patience is how long a script waits for a condition. Only a failure takes it.
const patience = 3 * time.Minute

// scriptCommands are the commands that scripts have beside testscript's own.
var scriptCommands = map[string]func(*testscript.TestScript, bool, []string){
	"exits":       exits,
	"json":        checkJSON,
	"pick":        pick,
	"keep-dir":    keepDir,
	"payload":     payload,
	"sigterm":     sigterm,
	"taken-port":  takenPort,
	"await-fleet": awaitFleet,
	"await-file":  awaitFile,
	"await-run":   awaitRun,
	"get":         get,
	"nothing-in":  nothingIn,
	"no-process":  noProcess,
}

// exits N cmd [args...]: the command ends with status N. Like exec, it keeps the output.
func exits(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: exits status command [args...]")
	}
	got := 0
	err := ts.Exec(args[1], args[2:]...)
	if exit := new(exec.ExitError); errors.As(err, &exit) {
		got = exit.ExitCode()
	} else if err != nil {
		ts.Fatalf("%v", err)
	}
	if want, err := strconv.Atoi(args[0]); err != nil || got != want {
		ts.Fatalf("exit status %d, want %s\nstdout:\n%s\nstderr:\n%s", got, args[0], ts.ReadFile("stdout"), ts.ReadFile("stderr"))
	}
}

// json FILE PATH [REGEXP]: the file is one JSON value and has something at the path,
// which matches completely. In a path, * is every element and len their number.
func checkJSON(ts *testscript.TestScript, neg bool, args []string) {
	if len(args) < 2 || len(args) > 3 {
		ts.Fatalf("usage: json file path [regexp]")
	}
	dec := json.NewDecoder(strings.NewReader(ts.ReadFile(args[0])))
	dec.UseNumber()
	var v any
	ts.Check(dec.Decode(&v))
	if _, err := dec.Token(); err != io.EOF {
		ts.Fatalf("%s has something after its JSON value", args[0])
	}
	found := at(v, strings.Split(args[1], "."))
	if neg {
		if len(found) > 0 {
			ts.Fatalf("%s: %s is there: %v", args[0], args[1], found)
		}
		return
	}
	if len(found) == 0 {
		ts.Fatalf("%s: nothing at %s in\n%s", args[0], args[1], ts.ReadFile(args[0]))
	}
	if len(args) < 3 {
		return
	}
	want := regexp.MustCompile("^(?:" + args[2] + ")$")
	for _, v := range found {
		if !want.MatchString(fmt.Sprint(v)) {
			ts.Fatalf("%s: %s is %v, want %s", args[0], args[1], v, args[2])
		}
	}
}

// pick VAR FILE PATH: sets the variable to what the JSON file has at the path.
func pick(ts *testscript.TestScript, _ bool, args []string) {
	var v any
	ts.Check(json.Unmarshal([]byte(ts.ReadFile(args[1])), &v))
	found := at(v, strings.Split(args[2], "."))
	if len(found) != 1 {
		ts.Fatalf("%s: %d values at %s, want one", args[1], len(found), args[2])
	}
	ts.Setenv(args[0], fmt.Sprint(found[0]))
}

// at lists what is at the path, for * that of every element; nothing if one of them
// lacks it.
func at(v any, path []string) []any {
	if len(path) == 0 || path[0] == "" {
		return []any{v}
	}
	switch v := v.(type) {
	case map[string]any:
		if member, ok := v[path[0]]; ok {
			return at(member, path[1:])
		}
	case []any:
		switch path[0] {
		case "len":
			return []any{len(v)}
		case "*":
			var all []any
			for _, element := range v {
				found := at(element, path[1:])
				if len(found) == 0 {
					return nil
				}
				all = append(all, found...)
			}
			return all
		}
		if i, err := strconv.Atoi(path[0]); err == nil && i < len(v) {
			return at(v[i], path[1:])
		}
	}
	return nil
}

// keep-dir: sets DIR to the data directory that `demo --keep` said it has kept.
func keepDir(ts *testscript.TestScript, _ bool, _ []string) {
	said := regexp.MustCompile(`(?m)^data directory: (.+)$`).FindStringSubmatch(ts.ReadFile("stderr"))
	if said == nil {
		ts.Fatalf("the demo named no data directory")
	}
	ts.Setenv("DIR", said[1])
}

// payload FROM TO [OLD NEW]...: copies a payload, replaces every OLD by NEW and NOW by
// the time: GitHub gives up a job that is queued for a day.
func payload(ts *testscript.TestScript, _ bool, args []string) {
	changes := append([]string{"NOW", time.Now().UTC().Format(time.RFC3339)}, args[2:]...)
	text := strings.NewReplacer(changes...).Replace(ts.ReadFile(args[0]))
	ts.Check(os.WriteFile(ts.MkAbs(args[1]), []byte(text), 0o600))
}

// sigterm DIR: sends SIGTERM to the fleet that serves the directory.
func sigterm(ts *testscript.TestScript, _ bool, args []string) {
	pid, err := strconv.Atoi(strings.TrimSpace(ts.ReadFile(filepath.Join(args[0], "lock"))))
	ts.Check(err)
	process, err := os.FindProcess(pid)
	ts.Check(err)
	ts.Check(process.Signal(syscall.SIGTERM))
}

// taken-port VAR: occupies a port until the script ends.
func takenPort(ts *testscript.TestScript, _ bool, args []string) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	ts.Check(err)
	ts.Defer(func() { l.Close() })
	ts.Setenv(args[0], l.Addr().String())
}

// await-fleet DIR: waits until the fleet on the directory answers; sets FLEET to its
// address, and API to that of its records.
func awaitFleet(ts *testscript.TestScript, _ bool, args []string) {
	await(ts, "the fleet on "+args[0]+" answers", func() error {
		store, err := sqlite.OpenReadOnly(context.Background(), filepath.Join(ts.MkAbs(args[0]), sqlite.FileName))
		if err != nil {
			return err
		}
		defer store.Close()
		settings, err := store.Settings(context.Background())
		if err != nil {
			return err
		}
		ts.Setenv("FLEET", "http://"+settings.Listen)
		ts.Setenv("API", "http://"+settings.APIListen)
		resp, err := http.Get("http://" + settings.Listen + "/healthz")
		if err == nil {
			resp.Body.Close()
		}
		return err
	})
}

// await-file PATTERN: waits until a file has the name.
func awaitFile(ts *testscript.TestScript, _ bool, args []string) {
	await(ts, "there is "+args[0], func() error {
		if found, err := filepath.Glob(ts.MkAbs(args[0])); err != nil || len(found) == 0 {
			return errors.Join(err, os.ErrNotExist)
		}
		return nil
	})
}

// await-run DIR RUN STATUS: waits until the run has the status.
func awaitRun(ts *testscript.TestScript, _ bool, args []string) {
	await(ts, args[1]+" is "+args[2], func() error {
		store, err := sqlite.OpenReadOnly(context.Background(), filepath.Join(ts.MkAbs(args[0]), sqlite.FileName))
		if err != nil {
			return err
		}
		defer store.Close()
		run, _, err := store.Run(context.Background(), args[1])
		if err == nil && string(run.Status) != args[2] {
			err = fmt.Errorf("it is %s", run.Status)
		}
		return err
	})
}

func await(ts *testscript.TestScript, what string, check func() error) {
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	limit := time.After(patience)
	for {
		err := check()
		if err == nil {
			return
		}
		select {
		case <-limit:
			ts.Fatalf("gave up waiting until %s: %v", what, err)
		case <-tick.C:
		}
	}
}

// get URL STATUS: requests it; the answer is in the file "answer".
func get(ts *testscript.TestScript, _ bool, args []string) {
	resp, err := http.Get(args[0])
	ts.Check(err)
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	ts.Check(err)
	if strconv.Itoa(resp.StatusCode) != args[1] {
		ts.Fatalf("%s: %s, want %s\n%s", args[0], resp.Status, args[1], body)
	}
	ts.Check(os.WriteFile(ts.MkAbs("answer"), body, 0o600))
}

// nothing-in DIR: the directory is empty.
func nothingIn(ts *testscript.TestScript, _ bool, args []string) {
	entries, err := os.ReadDir(ts.MkAbs(args[0]))
	ts.Check(err)
	if len(entries) > 0 {
		ts.Fatalf("%s is left in %s", entries[0].Name(), args[0])
	}
}

// no-process DIR: waits until no process works below the directory, since a killed one
// still does for a moment. Only Linux can see that.
func noProcess(ts *testscript.TestScript, _ bool, args []string) {
	await(ts, "no process works in "+args[0], func() error {
		works, err := filepath.Glob("/proc/[0-9]*/cwd")
		for _, link := range works {
			if dir, err := os.Readlink(link); err == nil && strings.HasPrefix(dir, ts.MkAbs(args[0])+"/") {
				return fmt.Errorf("%s works in %s", filepath.Dir(link), dir)
			}
		}
		return err
	})
}

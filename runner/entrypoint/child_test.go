package entrypoint_test

import (
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/ecs-runner-fleet/ecs-runner-fleet/runner/entrypoint"
)

// childVariable makes the test binary the runner that the entrypoint starts.
const childVariable = "ENTRYPOINT_TEST_CHILD"

func TestMain(m *testing.M) {
	if code, called := entrypoint.Hook(os.Args[1:], os.Environ(), os.Stdout, time.Now()); called {
		os.Exit(code)
	}
	if does := os.Getenv(childVariable); does != "" {
		os.Exit(child(does))
	}
	os.Exit(m.Run())
}

func child(does string) int {
	signals := make(chan os.Signal, 4)
	what, argument, _ := strings.Cut(does, " ")
	switch what {
	case "exit":
		code, _ := strconv.Atoi(argument)
		return code
	case "print-environment":
		for _, entry := range os.Environ() {
			fmt.Println("child has", entry)
		}
	case "print":
		text, err := strconv.Unquote(argument)
		if err != nil {
			return 1
		}
		fmt.Print(text)
	case "yes":
		// More than any pipe holds, in lines and in one.
		line := strings.Repeat("y\n", 1<<20)
		fmt.Print(line, line, strings.Repeat("y", 2<<20))
	case "leave":
		helper := exec.Command(os.Args[0])
		helper.Env = append(os.Environ(), childVariable+"=hold "+argument)
		helper.Stdout = os.Stdout
		holds, _ := helper.StderrPipe()
		if err := helper.Start(); err != nil {
			return 1
		}
		_, _ = holds.Read(make([]byte, 1))
		return 4
	case "hold":
		// Ends when the test closes the other end.
		fifo, err := os.OpenFile(argument, os.O_RDONLY, 0)
		if err != nil {
			return 1
		}
		fmt.Fprintln(os.Stderr, "holding")
		_, _ = fifo.Read(make([]byte, 1))
	case "die":
		_ = syscall.Kill(os.Getpid(), syscall.SIGKILL)
		hang()
	case "obey":
		signal.Notify(signals, syscall.SIGTERM, syscall.SIGINT)
		fmt.Println("child is ready")
		fmt.Println("child got", <-signals)
		return 128 + int(syscall.SIGTERM)
	case "run-both-hooks":
		return runBothHooks()
	case "run-job":
		return runJob(argument, signals)
	case "defy":
		signal.Ignore(syscall.SIGTERM, syscall.SIGINT)
		lives, err := os.OpenFile(argument, os.O_WRONLY, 0)
		if err != nil {
			fmt.Println(err)
			return 1
		}
		helper := exec.Command(os.Args[0])
		helper.Env = append(os.Environ(), childVariable+"=defy-too")
		helper.Stdout, helper.Stderr = os.Stdout, lives
		if err := helper.Start(); err != nil {
			fmt.Println(err)
			return 1
		}
		hang()
	case "defy-too":
		signal.Ignore(syscall.SIGTERM, syscall.SIGINT)
		fmt.Println("child is ready")
		hang()
	}
	return 0
}

// runJob is a runner with a job: it runs the job-started hook as GitHub's runner does, and
// on SIGINT ends what it runs. environ are variables of the job, with spaces between them.
func runJob(environ string, signals chan os.Signal) int {
	signal.Notify(signals, syscall.SIGINT)
	script := os.Getenv("ACTIONS_RUNNER_HOOK_JOB_STARTED")
	fmt.Println("the hook is", script)
	for range 2 { // a step may call it as well
		hook := exec.Command("/bin/sh", "-e", script)
		hook.Env = append(os.Environ(), "GITHUB_RUN_ID=5", "GITHUB_REPOSITORY=octo/repo")
		hook.Env = append(hook.Env, strings.Fields(environ)...)
		hook.Stdout, hook.Stderr = os.Stdout, os.Stdout
		if err := hook.Start(); err != nil {
			fmt.Println(err)
			return 1
		}
		fmt.Println("hook has pid", hook.Process.Pid)
		ended := make(chan struct{})
		go func() {
			_ = hook.Wait()
			close(ended)
		}()
		var got os.Signal
		select {
		case <-ended:
			fmt.Println("the hook ended with", hook.ProcessState.ExitCode())
			if hook.ProcessState.ExitCode() >= 0 {
				continue
			}
			got = <-signals // somebody killed it
		case got = <-signals:
		}
		// run.sh gives SIGINT to all of its group.
		fmt.Println("child got", got)
		fmt.Println("the hook ignores it:", ignores(hook.Process.Pid, syscall.SIGINT))
		_ = hook.Process.Kill()
		<-ended
		fmt.Println("the hook ended with", hook.ProcessState.ExitCode())
		return 130
	}
	fmt.Println("the steps run")
	return 0
}

// runBothHooks is a runner with a job that runs both hooks as GitHub's runner does.
func runBothHooks() int {
	for _, which := range []string{"job-started", "job-completed"} {
		script := os.Getenv("ACTIONS_RUNNER_HOOK_" + strings.ToUpper(strings.ReplaceAll(which, "-", "_")))
		if script == "" {
			fmt.Println("no hook")
			continue
		}
		fmt.Println("the hook is", script)
		hook := exec.Command("/bin/sh", "-e", script)
		hook.Stdout, hook.Stderr = os.Stdout, os.Stdout
		_ = hook.Run()
		fmt.Println(which, "ended with", hook.ProcessState.ExitCode())
	}
	return 0
}

// ignores reports whether a process ignores a signal, as Linux says in /proc.
func ignores(pid int, sig syscall.Signal) bool {
	status, _ := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	for line := range strings.Lines(string(status)) {
		if mask, ok := strings.CutPrefix(line, "SigIgn:"); ok {
			bits, _ := strconv.ParseUint(strings.TrimSpace(mask), 16, 64)
			return bits>>(sig-1)&1 == 1
		}
	}
	return false
}

// hang waits for a signal that never comes: without cgo, Go ends a program that waits
// for nothing.
func hang() {
	never := make(chan os.Signal, 1)
	signal.Notify(never, syscall.SIGUSR1)
	<-never
}

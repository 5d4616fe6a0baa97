package seal_test

import (
	"bufio"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"

	"github.com/ecs-runner-fleet/ecs-runner-fleet/runner/seal"
)

const roleVariable = "SEAL_TEST_ROLE"

func TestMain(m *testing.M) {
	role, pid, _ := strings.Cut(os.Getenv(roleVariable), " ")
	if role == "" {
		os.Exit(m.Run())
	}
	leaveRoot()
	switch role {
	case "sealed":
		if err := seal.Process(); err != nil {
			fmt.Println(err)
			os.Exit(1)
		}
		fallthrough
	case "open":
		fmt.Println("ready")
		_, _ = os.Stdin.Read(make([]byte, 1))
	case "look":
		for _, name := range []string{"environ", "mem", "maps"} {
			file, err := os.Open("/proc/" + pid + "/" + name)
			if err == nil {
				fmt.Println("opened", name)
				file.Close()
			}
		}
	}
	os.Exit(0)
}

// leaveRoot makes a process of root one of the user "nobody", as open as if that user
// had started it.
func leaveRoot() {
	if os.Getuid() != 0 {
		return
	}
	const nobody = 65534
	err := syscall.Setgroups(nil)
	if err == nil {
		err = syscall.Setgid(nobody)
	}
	if err == nil {
		err = syscall.Setuid(nobody)
	}
	if err != nil {
		fmt.Println(err)
		os.Exit(1)
	}
	_, _, _ = syscall.RawSyscall(syscall.SYS_PRCTL, syscall.PR_SET_DUMPABLE, 1, 0)
}

func as(t *testing.T, role string) *exec.Cmd {
	t.Helper()
	cmd := exec.Command("/proc/self/exe")
	cmd.Env = []string{roleVariable + "=" + role, "SECRET=a secret"}
	return cmd
}

// lookInto returns what a process of the same user can open of a process in that role.
func lookInto(t *testing.T, role string) string {
	t.Helper()
	cmd := as(t, role)
	end, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	defer func() {
		end.Close()
		_ = cmd.Wait()
	}()
	if line, err := bufio.NewReader(out).ReadString('\n'); line != "ready\n" {
		t.Fatalf("%q, %v", line, err)
	}
	found, err := as(t, fmt.Sprintf("look %d", cmd.Process.Pid)).Output()
	if err != nil {
		t.Fatal(err)
	}
	return string(found)
}

func TestASealedProcessIsClosedToItsUser(t *testing.T) {
	if got := lookInto(t, "open"); !strings.Contains(got, "environ") || !strings.Contains(got, "mem") {
		t.Skipf("this system closes every process already: %q", got)
	}
	if got := lookInto(t, "sealed"); got != "" {
		t.Errorf("a process of the same user %s", got)
	}
}

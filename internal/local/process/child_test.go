//go:build unix

package process

import (
	"bufio"
	"fmt"
	"net"
	"os"
	"os/exec"
	"os/signal"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
)

// The environment of a test child: what it does and where it reports.
const (
	doesVariable   = "PROCESS_TEST_CHILD"
	reportVariable = "PROCESS_TEST_REPORTS"
)

func TestMain(m *testing.M) {
	if does := os.Getenv(doesVariable); does != "" {
		os.Exit(beChild(does))
	}
	os.Exit(m.Run())
}

func beChild(does string) int {
	what, argument, _ := strings.Cut(does, " ")
	if what == "exit" {
		code, _ := strconv.Atoi(argument)
		return code
	}
	if what == "defy" {
		signal.Ignore(syscall.SIGTERM)
	}
	conn, err := net.Dial("unix", os.Getenv(reportVariable))
	if err != nil {
		fmt.Println(err)
		return 99
	}
	awaitGo := func() (code int) {
		line, _ := bufio.NewReader(conn).ReadString('\n')
		code, _ = strconv.Atoi(strings.TrimSpace(line))
		return code
	}
	fmt.Fprintln(conn, os.Getpid(), does)

	switch what {
	case "wait": // to be let go on, or to be killed
		return awaitGo()
	case "defy": // SIGTERM
		awaitGo()
	case "fleet": // to be killed
		return beFleet(argument, conn)
	case "report-environment":
		for _, entry := range os.Environ() {
			fmt.Fprintln(conn, entry)
		}
		fmt.Fprintln(conn, "end")
	case "print": // many bytes, in lines
		n, _ := strconv.Atoi(argument)
		fmt.Print(strings.Repeat("all work and no play\n", n/21+1)[:n])
		fmt.Fprintln(conn, "printed")
		awaitGo()
		fmt.Print("more")
	case "leave": // children behind: a good one, and three that defy
		for name, attributes := range map[string]*syscall.SysProcAttr{
			"wait in-group":  nil,
			"defy in-group":  nil,
			"defy own-group": {Setpgid: true},
			"defy daemon":    {Setsid: true},
		} {
			if name == "defy daemon" && !findsDaemons {
				continue
			}
			cmd := exec.Command(os.Args[0])
			cmd.Env = append(os.Environ(), doesVariable+"="+name)
			cmd.SysProcAttr = attributes
			if err := cmd.Start(); err != nil {
				fmt.Println(err)
				return 99
			}
		}
		awaitGo()
		return 3
	case "leave-two": // children behind, in its session, one of them without the task's mark
		for name, marked := range map[string]bool{"wait marked": true, "wait unmarked": false} {
			cmd := exec.Command(os.Args[0])
			cmd.Env = append(slices.DeleteFunc(os.Environ(), func(entry string) bool {
				return !marked && strings.HasPrefix(entry, taskVariable+"=")
			}), doesVariable+"="+name)
			if err := cmd.Start(); err != nil {
				fmt.Println(err)
				return 99
			}
		}
		awaitGo()
	case "hide": // its mark, which only its child shows
		cmd := exec.Command(os.Args[0])
		cmd.Env = append(os.Environ(), doesVariable+"=wait marked")
		if err := cmd.Start(); err != nil {
			fmt.Println(err)
			return 99
		}
		hidden := slices.DeleteFunc(os.Environ(), func(entry string) bool {
			return strings.HasPrefix(entry, taskVariable+"=") || strings.HasPrefix(entry, doesVariable+"=")
		})
		fmt.Println(syscall.Exec("/proc/self/exe", os.Args, append(hidden, doesVariable+"=wait hidden")))
		return 99
	case "protect": // a directory from removal, as Go's module cache does
		if err := os.MkdirAll("cache/module", 0o700); err != nil {
			return 99
		}
		_ = os.WriteFile("cache/module/file", nil, 0o400)
		_ = os.Chmod("cache/module", 0o500)
	}
	return 0
}

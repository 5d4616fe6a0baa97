//go:build cdk

package runner

import (
	"encoding/json"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"

	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/fleet"
)

// outside is what a build meets outside: docker, AWS, GitHub and iptables.
type outside struct {
	Release string              // GitHub's answer about a release; "" is none
	Secret  string              // of Docker Hub; "" is none
	Arch    string              // of the images that are pulled
	Foreign bool                // the extra image does not begin from the runner's
	Claim   string              // the label of the image that is built
	Fails   map[string]string   // what docker says, by its command, and fails
	Pulls   map[string][]string // what docker says of an image's pulls, one after the other, and fails; "" succeeds, and so do those after
	Status  []string            // GitHub's, one after the other; 200 after the last
	OnBuild string              // instructions of the base image
	Reaches bool                // a step reaches the addresses of credentials
	Prints  string              // what our program prints instead of a digest and a size
	NoJump  string              // what iptables does not know
	NoECR   bool                // there is no public ECR
	NoRules bool                // iptables refuses them
	NoChain bool                // Docker has none of its own
}

// call is one start of a program, as the program saw it.
type call struct {
	Args  []string // the program's name first
	Input string
	Env   []string
	Files []string // of its build context
	Leaks []string // where this program, or a reader of all temporary files, finds a credential
}

func (c call) String() string { return strings.Join(c.Args, " ") }

// Credentials. None may be in an argument, in the log, or where docker build finds it.
var credentials = []string{"token-of-docker-hub", "password-of-ecr", "password-of-public-ecr", "token-of-the-build"}

// programs are those that this test binary stands in for, when it is started under
// their names.
var programs = map[string]func(outside, call) error{"docker": docker, "aws": awsCLI, "curl": curl, "iptables": iptables, "sleep": sleep, "publish-amd64": published, "publish-arm64": published}

func TestMain(m *testing.M) {
	name := filepath.Base(os.Args[0])
	program, ok := programs[name]
	if !ok {
		os.Exit(m.Run())
	}
	status := 0
	if err := standIn(name, program); err != nil {
		fmt.Fprintln(os.Stderr, err)
		status = 1
	}
	syscall.Exit(status) // at its other ends, the race detector waits for a second
}

// standIn records the call beside the program, because it can find that place: docker
// build has hardly any environment.
func standIn(name string, program func(outside, call) error) error {
	path, err := exec.LookPath(name)
	if err != nil {
		return err
	}
	tools := filepath.Dir(path)
	var o outside
	text, err := os.ReadFile(filepath.Join(tools, "outside.json"))
	if err == nil {
		err = json.Unmarshal(text, &o)
	}
	if err != nil {
		return err
	}
	c := call{Args: append([]string{os.Args[0]}, os.Args[1:]...), Env: os.Environ()}
	if slices.Contains(c.Args, "--password-stdin") || c.Args[len(c.Args)-1] == "-" {
		input, err := io.ReadAll(os.Stdin)
		if err != nil {
			return err
		}
		c.Input = string(input)
	}
	if c.is("docker", "build") {
		if c.Leaks, err = leaks(c.Env, os.Getenv("DOCKER_CONFIG"), os.Getenv("HOME"), filepath.Join(tools, "..", "tmp")); err != nil {
			return err
		}
		if c.Files, err = below(c.Args[len(c.Args)-1]); err != nil {
			return err
		}
	}
	if err := c.note(filepath.Join(tools, "calls")); err != nil {
		return err
	}
	return program(o, c)
}

func (c call) is(args ...string) bool {
	return len(c.Args) >= len(args) && slices.Equal(c.Args[:len(args)], args)
}

func (c call) note(path string) error {
	notes, err := os.OpenFile(path, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o644)
	if err != nil {
		return err
	}
	defer notes.Close()
	return json.NewEncoder(notes).Encode(c)
}

// leaks are the variables and files that have a credential.
func leaks(env []string, dirs ...string) (found []string, err error) {
	has := func(text string) bool {
		return slices.ContainsFunc(credentials, func(c string) bool { return strings.Contains(text, c) })
	}
	for _, variable := range env {
		if has(variable) || strings.HasPrefix(variable, "AWS_") {
			found = append(found, variable)
		}
	}
	for _, dir := range dirs {
		err := filepath.WalkDir(dir, func(path string, entry fs.DirEntry, err error) error {
			if err != nil || entry.IsDir() {
				return err
			}
			text, err := os.ReadFile(path)
			if has(string(text)) {
				found = append(found, path)
			}
			return err
		})
		if err != nil {
			return nil, err
		}
	}
	return found, nil
}

// below are the files of a build context; "-" has none.
func below(dir string) (files []string, err error) {
	if dir == "-" {
		return nil, nil
	}
	return files, filepath.WalkDir(dir, func(path string, entry fs.DirEntry, err error) error {
		if err == nil && !entry.IsDir() {
			name, _ := filepath.Rel(dir, path)
			files = append(files, name)
		}
		return err
	})
}

// docker keeps logins as the real one does, and fails as the test wants.
func docker(o outside, c call) error {
	verb := c.Args[1]
	if said, ok := o.Fails[verb]; ok {
		return fmt.Errorf("%s", said)
	}
	switch verb {
	case "login":
		if os.Getenv("DOCKER_CONFIG") == "" {
			return fmt.Errorf("this login would stay")
		}
		if err := os.MkdirAll(os.Getenv("DOCKER_CONFIG"), 0o700); err != nil {
			return err
		}
		fmt.Println("Login Succeeded")
		return os.WriteFile(filepath.Join(os.Getenv("DOCKER_CONFIG"), "config.json"), []byte(c.Input), 0o600)
	case "image":
		if strings.Contains(c.String(), `.Labels "`+fleet.IdentityLabel+`"`) {
			fmt.Println(o.Claim)
			return nil
		}
		if strings.Contains(c.String(), ".OnBuild") {
			fmt.Println(o.OnBuild)
			return nil
		}
		if strings.Contains(c.String(), ".Labels") {
			fmt.Println(!o.Foreign)
			return nil
		}
		fmt.Println("sha256:0a " + o.Arch)
	case "pull":
		if said := turn("docker pull --quiet "+c.Args[len(c.Args)-1], o.Pulls[c.Args[len(c.Args)-1]]); said != "" {
			return fmt.Errorf("%s", said)
		}
		fmt.Println("done")
	case "build":
		if o.Reaches && strings.Contains(c.Input, "/dev/tcp/") {
			return fmt.Errorf("exit code: 1")
		}
		fmt.Println("done")
	}
	return nil
}

// published is what our own program says, which has a login.
func published(o outside, c call) error {
	if _, err := os.Stat(filepath.Join(os.Getenv("DOCKER_CONFIG"), "config.json")); err != nil {
		return err
	}
	fmt.Fprintln(os.Stderr, "    63.1 MB  0a1b2c3d4e5f  ADD rootfs")
	if said, ok := o.Fails["push"]; ok {
		return fmt.Errorf("%s", said)
	}
	if o.Prints != "" {
		fmt.Print(o.Prints)
		return nil
	}
	fmt.Printf("sha256:%064d 151000123\n", 7)
	return nil
}

// turn is the answer to the call that was just recorded, "" after the last one.
func turn(words string, list []string) string {
	path, err := exec.LookPath(filepath.Base(os.Args[0]))
	if err != nil {
		return err.Error()
	}
	notes, err := os.ReadFile(filepath.Join(filepath.Dir(path), "calls"))
	if err != nil {
		return err.Error()
	}
	n := 0
	for decoder := json.NewDecoder(strings.NewReader(string(notes))); decoder.More(); {
		var c call
		if err := decoder.Decode(&c); err != nil {
			return err.Error()
		}
		if c.String() == words {
			n++
		}
	}
	if n > len(list) {
		return ""
	}
	return list[n-1]
}

func sleep(outside, call) error { return nil }

func awsCLI(o outside, c call) error {
	switch {
	case c.is("aws", "ecr", "get-login-password"):
		fmt.Print("password-of-ecr")
	case c.is("aws", "ecr-public", "get-login-password") && !o.NoECR:
		fmt.Print("password-of-public-ecr")
	case c.is("aws", "secretsmanager", "get-secret-value") && o.Secret != "":
		fmt.Println(o.Secret)
	default:
		return fmt.Errorf("refused: %s", c)
	}
	return nil
}

func curl(o outside, c call) error {
	status := turn(c.String(), o.Status)
	switch {
	case status == "no answer":
		return fmt.Errorf("curl: (6) Could not resolve host")
	case status == "" && o.Release == "":
		status = "404"
	case status == "":
		fmt.Print(o.Release)
		status = "200"
	}
	_, err := fmt.Print("\n" + status)
	return err
}

func iptables(o outside, c call) error {
	list := slices.Contains(c.Args, "--list")
	if list && o.NoChain || !list && (o.NoRules || o.NoJump != "" && slices.Contains(c.Args, o.NoJump)) {
		return fmt.Errorf("iptables: No chain/target/match by that name")
	}
	return nil
}

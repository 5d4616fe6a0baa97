package entrypoint

import (
	"fmt"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/fleet"
)

const (
	defaultCommand     = "./run.sh"
	defaultStopTimeout = 110 * time.Second
)

// settings are the parts of the entrypoint's arguments and environment that are about
// the runner's process, checked.
type settings struct {
	command     []string
	stopTimeout time.Duration
	logLimit    int64 // bytes
}

func readSettings(environ, args []string) (settings, error) {
	env := variables(environ)
	s := settings{command: commandOf(args, env["RUNNER_COMMAND"]), stopTimeout: defaultStopTimeout, logLimit: fleet.DefaultLogMiB << 20}
	if text := env["STOP_TIMEOUT"]; text != "" {
		seconds, err := strconv.ParseUint(text, 10, 31)
		if err != nil {
			return settings{}, fmt.Errorf("STOP_TIMEOUT is %q: use a whole number of seconds", text)
		}
		s.stopTimeout = time.Duration(seconds) * time.Second
	}
	if text := env[fleet.EnvLogMiB]; text != "" {
		mib, err := strconv.ParseUint(text, 10, 31)
		if err != nil || mib == 0 {
			return settings{}, fmt.Errorf("%s is %q: use a whole number of MiB, at least 1", fleet.EnvLogMiB, text)
		}
		s.logLimit = int64(mib) << 20
	}
	return s, nil
}

// claimSettings are the environment of a claim, checked.
type claimSettings struct {
	runnerID string
	url      string
	token    string
	identity identitySettings
}

// readClaim reports everything that is missing at once, by name: values may be
// secret.
func readClaim(environ []string) (claimSettings, error) {
	env := variables(environ)
	var missing []string
	for _, name := range []string{fleet.EnvRunnerID, fleet.EnvClaimURL, fleet.EnvClaimToken} {
		if env[name] == "" {
			missing = append(missing, name)
		}
	}
	if missing != nil {
		return claimSettings{}, fmt.Errorf("the environment lacks %s: the fleet sets it when it starts this container",
			strings.Join(missing, ", "))
	}
	s := claimSettings{runnerID: env[fleet.EnvRunnerID], url: env[fleet.EnvClaimURL], token: env[fleet.EnvClaimToken]}
	if u, err := url.Parse(s.url); err != nil || u.Host == "" || u.Scheme != "https" && u.Scheme != "http" {
		return claimSettings{}, fmt.Errorf("CLAIM_URL is not an http or https URL")
	}
	var err error
	s.identity, err = readIdentity(env)
	return s, err
}

func variables(environ []string) map[string]string {
	env := make(map[string]string, len(environ))
	for _, entry := range environ {
		name, value, _ := strings.Cut(entry, "=")
		env[name] = value
	}
	return env
}

func commandOf(args []string, path string) []string {
	if len(args) > 0 && args[0] == "--" {
		args = args[1:]
	}
	switch {
	case len(args) > 0:
		return args
	case path != "":
		return []string{path}
	}
	return []string{defaultCommand}
}

// runnerEnvironment is the environment of the runner: the entrypoint's own
// without the claim, and with the credential, which is nowhere else.
func runnerEnvironment(environ []string, credential string) []string {
	set := map[string]string{
		"ACTIONS_RUNNER_INPUT_JITCONFIG": credential,
		// run.sh says 0 to a deprecated version without it, else fleet.ExitVersionDeprecated.
		"ACTIONS_RUNNER_RETURN_VERSION_DEPRECATED_EXIT_CODE": "1",
		// run.sh forwards no signals without it.
		"RUNNER_MANUALLY_TRAP_SIG": "1",
	}
	printLog := true
	var env []string
	for _, entry := range environ {
		name, _, _ := strings.Cut(entry, "=")
		if _, ours := set[name]; ours || strings.HasPrefix(name, "CLAIM_") {
			continue
		}
		if name == "ACTIONS_RUNNER_PRINT_LOG_TO_STDOUT" {
			printLog = false
		}
		env = append(env, entry)
	}
	if printLog {
		set["ACTIONS_RUNNER_PRINT_LOG_TO_STDOUT"] = "1"
	}
	for name, value := range set {
		env = append(env, name+"="+value)
	}
	return env
}

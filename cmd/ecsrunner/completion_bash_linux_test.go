package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// askBash loads the completion script as a shell does, types words and prints what bash
// would offer. Bash's own package of completions is no part of it: _init_completion stands
// in for the function of that name, which splits the line.
const askBash = `
_init_completion() { COMPREPLY=(); cur=${COMP_WORDS[COMP_CWORD]}; prev=${COMP_WORDS[COMP_CWORD-1]}; words=("${COMP_WORDS[@]}"); cword=$COMP_CWORD; }
compopt() { :; }
source <(ecsrunner completion bash)
COMP_WORDS=("$@") COMP_CWORD=$(($# - 1)) COMP_LINE="$*" COMP_POINT=${#COMP_LINE} COMP_TYPE=9
"$(complete -p ecsrunner | sed 's/.*-F \([^ ]*\).*/\1/')"
printf '%s\n' "${COMPREPLY[@]}"
`

func TestCompletionInBash(t *testing.T) {
	if _, err := exec.LookPath("bash"); err != nil {
		t.Skip("there is no bash")
	}
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	bin := t.TempDir()
	if err := os.Link(self, filepath.Join(bin, "ecsrunner")); err != nil { // the test binary is the program under this name
		t.Fatal(err)
	}
	dir, _ := busyFleet(t)
	for _, c := range []struct {
		words []string
		want  []string // among others
		only  bool
	}{
		{[]string{"ecsrunner", "runn"}, []string{"runners"}, true},
		{[]string{"ecsrunner", "runs", ""}, []string{"list", "retry", "show"}, false},
		{[]string{"ecsrunner", "runners", "list", "--st"}, []string{"--status", "--stack"}, false},
		{[]string{"ecsrunner", "runners", "list", "--status", "wait"}, []string{"waiting_for_job"}, true},
		{[]string{"ecsrunner", "runs", "show", "--data-dir", dir, "job-2000000090"}, []string{"job-20000000900", "job-20000000904"}, false},
		{[]string{"ecsrunner", "stats", "--by", "wo"}, []string{"workflow"}, true},
	} {
		ask := exec.CommandContext(t.Context(), "bash", append([]string{"--norc", "-c", askBash, "bash"}, c.words...)...)
		ask.Env = append(os.Environ(), "PATH="+bin+":"+os.Getenv("PATH"))
		out, err := ask.CombinedOutput()
		offered := strings.Fields(string(out))
		missing := slices.DeleteFunc(slices.Clone(c.want), func(word string) bool { return slices.Contains(offered, word) })
		if err != nil || len(missing) > 0 || c.only && len(offered) != len(c.want) {
			t.Errorf("%q: %v, offers %q without %q", c.words, err, offered, missing)
		}
	}
}

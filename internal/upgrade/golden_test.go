package upgrade

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"path"
	"strings"
	"time"

	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/engine"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/fleet"
)

// golden is one moment of a fleet in the words of the release that wrote it.
type golden struct {
	State     string     `json:"state"`
	Situation string     `json:"situation"`
	Entered   bool       `json:"entered"` // the call is about to be made, and is not answered yet
	At        time.Time  `json:"at"`
	Call      fleet.Call `json:"call"`

	Executions []engine.Record `json:"executions"`

	Runs     []fleet.Run       `json:"runs"`
	Runners  []fleet.Runner    `json:"runners"`
	Capacity fleet.Capacity    `json:"capacity"`
	Holds    []fleet.Hold      `json:"holds,omitempty"`
	Health   []json.RawMessage `json:"health,omitempty"` // of images, in 8e94fe4: holds took its place
	Images   []image           `json:"images,omitempty"`
	Builds   []build           `json:"builds,omitempty"`

	MaxRunners    int            `json:"max_runners"`
	Jobs          []fleet.Job    `json:"jobs"` // as GitHub has them
	Registrations []registration `json:"registrations,omitempty"`
	Launches      []launched     `json:"launches,omitempty"` // that the platform took
	Tasks         []fleet.Task   `json:"tasks,omitempty"`
	LaunchFault   launchFault    `json:"launch_fault,omitempty"`

	ToCome []happening `json:"to_come"`
	End    ending      `json:"end"`

	further func(*teller) // what happens after what was to come, if more has to: see furtherEnds
}

// image is one that is built, and build a lock on the build of one.
type (
	image struct {
		Tag    string `json:"tag"`
		Digest string `json:"digest"`
	}
	build struct {
		Tag     string    `json:"tag"`
		Waiters []string  `json:"waiters"` // the owner first
		Until   time.Time `json:"until"`
	}
)

// registration is a runner as GitHub has it.
type registration struct {
	ID      int64    `json:"id"`
	Name    string   `json:"name"`
	Labels  []string `json:"labels"`
	Online  bool     `json:"online,omitempty"`
	Working bool     `json:"working,omitempty"`
}

// launched is a launch that the platform was asked for.
type launched struct {
	fleet.TaskLaunch
	Spot bool `json:"spot,omitempty"` // what 8e94fe4 has in place of capacity_provider
}

// today is the launch in the form of today's code.
func (l launched) today() fleet.TaskLaunch {
	switch {
	case l.CapacityProvider != "":
	case l.Spot:
		l.CapacityProvider = fleet.FargateSpot
	default:
		l.CapacityProvider = fleet.Fargate
	}
	return l.TaskLaunch
}

// launchFault is what the platform does at the next launches.
type launchFault string

const (
	noFault    launchFault = "none"
	noCapacity launchFault = "no_capacity"
	answerLost launchFault = "answer_lost" // of the next one only
)

// happening is one event in a fleet's life: what changes in the world outside, and the
// event or claim that reports it.
type happening struct {
	At           time.Time     `json:"at"`
	What         string        `json:"what"`
	Job          *fleet.Job    `json:"job,omitempty"` // as GitHub has it from now on
	Registration *registration `json:"registration,omitempty"`
	Gone         string        `json:"gone,omitempty"` // a registration that GitHub no longer has
	Task         *fleet.Task   `json:"task,omitempty"` // as the platform has it from now on
	LaunchFault  launchFault   `json:"launch_fault,omitempty"`
	Event        *fleet.Event  `json:"event,omitempty"`
	Claim        *claimed      `json:"claim,omitempty"`
}

// claimed is a claim and the status of its answer.
type claimed struct {
	RunnerID string `json:"runner_id"`
	Token    string `json:"token"`
	Nonce    string `json:"nonce"`
	Status   int    `json:"status"`
}

// ending describes the state of everything when nothing happens any more.
type ending struct {
	Executions map[string]string `json:"executions"` // status and error
	Runs       map[string]string `json:"runs"`       // status, conclusion, who ran it and how many were launched
	Runners    map[string]string `json:"runners"`    // status and the job it took
	Tasks      int               `json:"tasks"`      // that were ever started
}

// release is what one release wrote.
type release struct {
	Name       string
	Definition []byte
	Goldens    []golden
	Tables     []tables
	raw        [][]byte // of the goldens
}

const (
	definitionFile = "runner.asl.json"
	goldenPrefix   = "at-"
)

// fileName is where a golden is stored.
func (g golden) fileName() string {
	return goldenPrefix + g.State + "-" + strings.ReplaceAll(g.Situation, " ", "-") + ".json"
}

// encode writes a golden in its stored form.
func (g golden) encode() ([]byte, error) {
	text, err := json.MarshalIndent(g, "", " ")
	return append(text, '\n'), err
}

// compact removes from the executions' data the white space that encode has put there.
// The engine never writes any and relies on that.
func (g golden) compact() error {
	for i := range g.Executions {
		for _, data := range []*json.RawMessage{&g.Executions[i].Input, &g.Executions[i].Data} {
			if len(*data) == 0 {
				continue // one that has ended
			}
			var b bytes.Buffer
			if err := json.Compact(&b, *data); err != nil {
				return fmt.Errorf("data of execution %s: %w", g.Executions[i].Name, err)
			}
			*data = b.Bytes()
		}
	}
	return nil
}

// read reads all releases.
func read(files fs.FS) (releases []release, err error) {
	dirs, err := fs.ReadDir(files, ".")
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	for _, dir := range dirs {
		if !dir.IsDir() {
			continue
		}
		r, err := readRelease(files, dir.Name())
		if err != nil {
			return nil, err
		}
		releases = append(releases, r)
	}
	return releases, nil
}

func readRelease(files fs.FS, name string) (r release, err error) {
	r.Name = name
	r.Definition, err = fs.ReadFile(files, path.Join(name, definitionFile))
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return r, err
	}
	text, err := fs.ReadFile(files, path.Join(name, tablesFile))
	if err == nil {
		err = json.Unmarshal(text, &r.Tables)
	}
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return r, fmt.Errorf("read %s of release %s: %w", tablesFile, name, err)
	}
	names, err := fs.Glob(files, path.Join(name, goldenPrefix+"*.json"))
	if err != nil {
		return r, err
	}
	for _, file := range names {
		text, err := fs.ReadFile(files, file)
		if err != nil {
			return r, err
		}
		var g golden
		if err := json.Unmarshal(text, &g); err != nil {
			return r, fmt.Errorf("read golden %s: %w", file, err)
		}
		if err := g.compact(); err != nil {
			return r, fmt.Errorf("read golden %s: %w", file, err)
		}
		r.Goldens, r.raw = append(r.Goldens, g), append(r.raw, text)
	}
	return r, nil
}

package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"

	"github.com/spf13/cobra"

	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/aws/deployment"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/local/control"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/local/sqlite"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/operate"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/report"
)

// source are the flags of commands that look at a fleet, wherever it is.
type source struct {
	dataDir
	stack, region string
	json          bool
}

func (s *source) flags(cmd *cobra.Command) {
	s.placeFlags(cmd)
	cmd.Flags().BoolVar(&s.json, "json", false, "print JSON with stable field names")
}

// placeFlags are those of a command that prints no JSON.
func (s *source) placeFlags(cmd *cobra.Command) {
	cmd.Annotations = environment(dataDirVar, deployment.EnvTable, deployment.EnvClassSizes, deployment.EnvStateMachine, deployment.EnvRunnerLogs, profileVar, regionVar)
	s.dataDir.flag(cmd)
	cmd.Flags().StringVar(&s.stack, "stack", "", "CloudFormation stack of a fleet on AWS")
	cmd.Flags().StringVar(&s.region, "region", "", "AWS region of the stack or table (default: that of the AWS configuration)")
}

// place is where a fleet is: on this machine, or on AWS with or without a stack.
type place int

const (
	inDirectory place = iota // a data directory
	inStack
	inTable
)

// place is the one place that is named. A flag has precedence over the environment; two
// that contradict each other are refused.
func (s *source) place() (place, error) {
	table := os.Getenv(deployment.EnvTable) != "" || os.Getenv(deployment.EnvClassSizes) != ""
	dir := os.Getenv(dataDirVar) != ""
	switch {
	case s.named != "" && s.stack != "":
		return 0, usagef("--data-dir is a fleet on this machine and --stack one on AWS: use one of them")
	case s.named != "" && s.region != "":
		return 0, usagef("--region is for a fleet on AWS: leave it out with --data-dir")
	case s.named != "":
		return inDirectory, nil
	case s.stack != "":
		return inStack, nil
	case dir && table:
		return 0, usagef("%s is a fleet on this machine, and %s and %s are one on AWS: unset one of them, or use --data-dir or --stack", dataDirVar, deployment.EnvTable, deployment.EnvClassSizes)
	case dir && s.region != "":
		return 0, usagef("--region is for a fleet on AWS, and %s names one on this machine: add --stack", dataDirVar)
	case dir:
		return inDirectory, nil
	case table:
		return inTable, nil
	}
	return 0, usagef("no fleet is named: use --stack for one on AWS (or set %s), or --data-dir for one on this machine (or set %s)", deployment.EnvTable, dataDirVar)
}

// opened is a fleet that commands look at.
type opened struct {
	records report.Source
	dir     string // of a fleet on this machine
	cloud   *cloud // of a fleet on AWS, else nil
	close   func()
}

// at names a fleet and where it is: there may be several.
func (s *source) at(fleetName string) string {
	name := fmt.Sprintf("fleet %q", fleetName)
	region := ""
	if s.region != "" {
		region = " in " + s.region
	}
	switch where, _ := s.place(); where {
	case inStack:
		return name + " (stack " + s.stack + region + ")"
	case inTable:
		return name + " (table " + os.Getenv(deployment.EnvTable) + region + ")"
	}
	dir, _ := s.directory()
	return name + " (data directory " + dir + ")"
}

// open connects to the named fleet. The caller closes it.
func (s *source) open(ctx context.Context) (*opened, error) {
	where, err := s.place()
	if err != nil {
		return nil, err
	}
	if where == inDirectory {
		return s.openHere(ctx)
	}
	c, err := connect(ctx, s.stack, s.region)
	if err != nil {
		return nil, err
	}
	return &opened{records: c.source(), cloud: c, close: func() {}}, nil
}

func (s *source) openHere(ctx context.Context) (*opened, error) {
	dir, err := s.directory()
	if err != nil {
		return nil, err
	}
	store, err := sqlite.OpenReadOnly(ctx, filepath.Join(dir, sqlite.FileName))
	if err != nil {
		return nil, err
	}
	return &opened{records: store, dir: dir, close: func() { _ = store.Close() }}, nil
}

// operator is for commands that change the named fleet. It explains AWS's errors for
// people.
func (s *source) operator(ctx context.Context) (operate.Fleet, error) {
	where, err := s.place()
	if err != nil {
		return nil, err
	}
	if where == inDirectory {
		dir, err := s.directory()
		return control.Client{Dir: dir}, err
	}
	c, err := connect(ctx, s.stack, s.region)
	if err != nil {
		return nil, err
	}
	o, err := c.operator(ctx)
	if err != nil {
		return nil, c.explain(err)
	}
	return explained{o, c, c.caller(ctx)}, nil
}

// read opens the fleet and passes it to look, which needs its records. It explains
// AWS's errors for people.
func (s *source) read(ctx context.Context, look func(*opened) error) error {
	return s.readWithout(ctx, func(f *opened) error {
		if f.cloud != nil {
			if _, err := f.cloud.value(recordsTable); err != nil {
				return err
			}
		}
		return look(f)
	})
}

// readWithout is read for commands that work without records.
func (s *source) readWithout(ctx context.Context, look func(*opened) error) error {
	f, err := s.open(ctx)
	if err != nil {
		return err
	}
	defer f.close()
	err = look(f)
	if f.cloud != nil {
		return f.cloud.explain(err)
	}
	return err
}

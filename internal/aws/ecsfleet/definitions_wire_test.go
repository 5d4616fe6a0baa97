//go:build aws

package ecsfleet

import (
	"context"
	"slices"
	"testing"

	"github.com/aws/aws-sdk-go-v2/service/ecs"

	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/aws/awstest"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/fleet"
)

// A task definition's life on moto. It lists all in one page, returns no times and
// forgets at once what is deleted.
func TestMotoADefinitionsLife(t *testing.T) {
	p := newPlatform(nil)
	p.ECS, p.FleetName = ecs.NewFromConfig(awstest.Config(t)), "life"
	register := func(fleetName string) string {
		t.Helper()
		d := content()
		d.FleetName = fleetName
		return must(p.Register(t.Context(), d))(t)
	}
	ours, theirs := register("life"), register("life-2")
	is := func(when string, want ...fleet.RegisteredDefinition) {
		t.Helper()
		var got []fleet.RegisteredDefinition
		for d, err := range p.Definitions(t.Context()) {
			got = append(got, must(d, err)(t))
		}
		if !slices.Equal(got, want) {
			t.Errorf("%s: got %+v", when, got)
		}
	}
	d := fleet.RegisteredDefinition{ARN: ours, Family: fleet.DefinitionFamily(ours), Active: true}
	is("registered", d)
	if err := p.DeleteDefinitions(t.Context(), []string{ours}); err == nil {
		t.Error("an active one is deleted")
	}
	again := func(what string, do func(context.Context) error) {
		t.Helper()
		for range 2 {
			if err := do(t.Context()); err != nil {
				t.Errorf("%s: %v", what, err)
			}
		}
	}
	again("deregister", func(ctx context.Context) error { return p.Deregister(ctx, ours) })
	d.Active = false
	is("deregistered", d)
	if anew := register("life"); anew == ours {
		t.Errorf("a deregistered one is found: %s", anew)
	} else {
		again("deregister the next", func(ctx context.Context) error { return p.Deregister(ctx, anew) })
		again("delete both", func(ctx context.Context) error { return p.DeleteDefinitions(ctx, []string{ours, anew}) })
	}
	is("deleted")
	other := p
	other.FleetName = "life-2"
	for found, err := range other.Definitions(t.Context()) {
		if err != nil || found.ARN != theirs || !found.Active {
			t.Errorf("the other fleet's: %+v, %v", found, err)
		}
	}
}

package runnerfleet

import (
	"crypto/sha256"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/aws/aws-cdk-go/awscdk/v2"
	"github.com/aws/aws-cdk-go/awscdk/v2/awscodebuild"
	"github.com/aws/aws-cdk-go/awscdk/v2/awsecr"
	"github.com/aws/aws-cdk-go/awscdk/v2/awss3assets"
	"github.com/aws/constructs-go/constructs/v10"
	"github.com/aws/jsii-runtime-go"

	"github.com/ecs-runner-fleet/ecs-runner-fleet/cdk/runnerfleet/grants"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/aws/deployment"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/fleet"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/runner"
)

// images are what builds and keeps the runner images.
type images struct {
	repository awsecr.Repository
	project    string   // the one for x64; that for arm64, if there is one, has armSuffix
	projects   []string // all of them
	sources    map[string]string
}

const armSuffix = "-arm64"

// mostImages are kept in the repository. A fleet uses one revision of each image,
// and builds one each month.
const mostImages = 500

// untaggedDays is how long an image is kept that lost its tag. No job waits so long
// between its image's look-up and its task's start.
const untaggedDays = 30

// newRepository keeps images by count, the youngest first: an image in use may be
// old if it was published by hand, and is among the last that go. A built one that
// is gone all the same is missing for the next job, and built again. Tasks that run
// have their image already.
func newRepository(scope constructs.Construct) awsecr.Repository {
	return awsecr.NewRepository(scope, jsii.String("Images"), &awsecr.RepositoryProps{
		ImageScanOnPush: jsii.Bool(true),
		EmptyOnDelete:   jsii.Bool(true),
		RemovalPolicy:   awscdk.RemovalPolicy_DESTROY,
		LifecycleRules: &[]*awsecr.LifecycleRule{
			{
				RulePriority: jsii.Number(1), TagStatus: awsecr.TagStatus_UNTAGGED, MaxImageAge: awscdk.Duration_Days(jsii.Number(untaggedDays)),
				Description: jsii.String("Images without a tag"),
			},
			{
				RulePriority: jsii.Number(2), TagStatus: awsecr.TagStatus_ANY, MaxImageCount: jsii.Number(mostImages),
				Description: jsii.String("The oldest of very many images"),
			},
		},
	})
}

func newImages(scope constructs.Construct, p Props, shop workshop, t things) images {
	c := p.Config
	made := images{repository: newRepository(scope), project: c.ImageBuildProject}
	t.add(grants.Repository, made.repository.RepositoryArn())
	if made.project == "" { // image: labels are refused then; the fleet's own images are built all the same
		made.project = c.FleetName + "-images"
	}
	source := made.fillSource(scope, p, shop)
	t.add(grants.BuildSource, source.Bucket().ArnForObjects(source.S3ObjectKey()))
	t.add(grants.AssetBucket, source.Bucket().BucketArn())
	t.add(grants.BaseImages, pointers(c.BaseImageRepositories)...)
	t.add(grants.Mirror, pointers(c.MirrorRepositories())...)
	t.add(grants.DockerHub)
	dockerHub, given := c.DockerHubCredentials.AWSSecret()
	if given {
		t.add(grants.DockerHub, secretARNs(scope, jsii.String(dockerHub))...)
	}
	logs := newLogGroup(scope, "BuildLogs", deployment.BuildLogGroup(c.FleetName), c)
	t.add(grants.BuildLogs, logs.LogGroupArn())
	role := newRole(scope, "BuildRole", grants.RoleBuild, "codebuild.amazonaws.com", t, logs.LogGroupArn())

	machines := []machine{{"Build", made.project, "LINUX_CONTAINER", "aws/codebuild/amazonlinux-x86_64-standard:5.0"}}
	if hasARM(c) {
		machines = append(machines, machine{"BuildArm64", made.project + armSuffix, "ARM_CONTAINER", "aws/codebuild/amazonlinux-aarch64-standard:3.0"})
	}
	var arns []*string
	for _, m := range machines {
		newProject(scope, c, m, source, made.repository, role.RoleArn(), logs.LogGroupName(), dockerHub)
		made.projects = append(made.projects, m.project)
		arns = append(arns, stackOf(scope).FormatArn(&awscdk.ArnComponents{
			Service: jsii.String("codebuild"), Resource: jsii.String("project"), ResourceName: jsii.String(m.project),
		}))
	}
	t.add(grants.Projects, arns...)
	return made
}

// fillSource makes what builds start from, and says what images are made of it.
func (i *images) fillSource(scope constructs.Construct, p Props, shop workshop) awss3assets.Asset {
	dir, err := os.MkdirTemp("", "ecsrunner-images-")
	if err != nil {
		panic(err)
	}
	defer os.RemoveAll(dir) // the asset is a copy
	if err := shop.fillBuildSource(p)(dir); err != nil {
		panic(err)
	}
	if i.sources, err = sourcesOf(p.Config, dir); err != nil {
		panic(err)
	}
	return awss3assets.NewAsset(scope, jsii.String("BuildSource"), &awss3assets.AssetProps{Path: jsii.String(dir)})
}

// sourcesOf hashes what images are made of, as it was collected.
func sourcesOf(c Config, dir string) (map[string]string, error) {
	in := runner.Inputs{BaseImage: c.RunnerBaseImage, Sudo: c.RunnerSudo, Archs: archs(c), Entrypoint: map[fleet.Arch]string{}, Extra: map[string]runner.Folder{}}
	for arch, name := range map[fleet.Arch]string{fleet.X64: "entrypoint-amd64", fleet.ARM64: "entrypoint-arm64"} {
		program, err := os.ReadFile(filepath.Join(dir, name))
		if err != nil {
			return nil, err
		}
		in.Entrypoint[arch] = fmt.Sprintf("%x", sha256.Sum256(program))
	}
	for label, path := range c.ExtraRunnerImages {
		in.Extra[label] = runner.Folder{Dir: filepath.Join(dir, "extra", filepath.FromSlash(label)), Dockerfile: filepath.Base(filepath.FromSlash(path))}
	}
	return runner.Sources(in)
}

// archs are those of the classes.
func archs(c Config) (all []fleet.Arch) {
	for _, arch := range []fleet.Arch{fleet.X64, fleet.ARM64} {
		for _, class := range c.RunnerClassSizes {
			if class.Arch == arch {
				all = append(all, arch)
				break
			}
		}
	}
	return all
}

func pointers(texts []string) (all []*string) {
	for _, text := range texts {
		all = append(all, jsii.String(text))
	}
	return all
}

func hasARM(c Config) bool { return slices.Contains(archs(c), fleet.ARM64) }

// machine is what builds for one architecture.
type machine struct{ id, project, kind, image string }

// queuedMinutes is how long a build waits for its turn. CodeBuild would let it wait
// for eight hours, and its job with it.
const queuedMinutes = 15

func newProject(scope constructs.Construct, c Config, m machine, source awss3assets.Asset, repository awsecr.Repository, roleARN, logGroup *string, dockerHub string) {
	variable := func(name string, value *string) *awscodebuild.CfnProject_EnvironmentVariableProperty {
		return &awscodebuild.CfnProject_EnvironmentVariableProperty{Name: jsii.String(name), Value: value, Type: jsii.String("PLAINTEXT")}
	}
	variables := []*awscodebuild.CfnProject_EnvironmentVariableProperty{
		variable("IMAGE_REPOSITORY", repository.RepositoryUri()),
		variable("RUNNER_VERSION", jsii.String(c.RunnerVersion)),
		variable("FLEET_NAME", jsii.String(c.FleetName)),
		variable("DEFAULT_BASE", jsii.String(c.RunnerBaseImage)),
		variable("SUDO", jsii.String(strconv.FormatBool(c.RunnerSudo))),
	}
	for _, optional := range []struct{ name, value string }{
		{"DOCKER_HUB_MIRROR", c.DockerHubMirror}, {"DOCKER_HUB_SECRET", dockerHub}, {"PULL_REGISTRIES", strings.Join(c.PrivateRegistries(), " ")},
	} {
		if optional.value != "" {
			variables = append(variables, variable(optional.name, jsii.String(optional.value)))
		}
	}
	project := awscodebuild.NewCfnProject(scope, jsii.String(m.id), &awscodebuild.CfnProjectProps{
		Name:        jsii.String(m.project),
		Description: jsii.String("Builds runner images of the fleet " + c.FleetName + ". Builds are started by the fleet, with environment variables only."),
		ServiceRole: roleARN,
		Source: &awscodebuild.CfnProject_SourceProperty{
			Type:      jsii.String("S3"),
			Location:  awscdk.Fn_Join(jsii.String("/"), &[]*string{source.S3BucketName(), source.S3ObjectKey()}),
			BuildSpec: jsii.String(runner.Buildspec),
		},
		Artifacts: &awscodebuild.CfnProject_ArtifactsProperty{Type: jsii.String("NO_ARTIFACTS")},
		Environment: &awscodebuild.CfnProject_EnvironmentProperty{
			Type: jsii.String(m.kind), Image: jsii.String(m.image), ComputeType: jsii.String("BUILD_GENERAL1_SMALL"),
			PrivilegedMode: jsii.Bool(true), ImagePullCredentialsType: jsii.String("CODEBUILD"),
			EnvironmentVariables: &variables,
		},
		LogsConfig: &awscodebuild.CfnProject_LogsConfigProperty{
			CloudWatchLogs: &awscodebuild.CfnProject_CloudWatchLogsConfigProperty{Status: jsii.String("ENABLED"), GroupName: logGroup},
		},
		TimeoutInMinutes:       jsii.Number(buildMinutes(c)),
		QueuedTimeoutInMinutes: jsii.Number(queuedMinutes),
	})
	source.AddResourceMetadata(project, jsii.String("Source.Location"))
}

// buildMinutes is limits.build in whole minutes; CodeBuild knows no less than five.
func buildMinutes(c Config) int { return max(5, int(c.Limits.Build.Minutes())) }

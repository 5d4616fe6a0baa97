package runnerfleet

import (
	"strconv"
	"strings"
	"time"

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
	project    string   // the one for x64, by which deployment.ProjectOf names the others
	projects   []string // all of them
	builders   []awscodebuild.CfnProject
	arns       []*string         // of the projects
	logs       *string           // the ARN of the builds' log group
	sources    map[string]string // fleet.Policy's ImageSources
}

// untaggedDays is how long an image is kept that lost its tag. No job waits so long
// between its image's look-up and its task's start.
const untaggedDays = 30

// newRepository lets ECR delete nothing that has a tag: ECR cannot distinguish what the
// fleet built from what an operator published by hand. The sweep can, and does.
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
		},
	})
}

func newImages(scope constructs.Construct, p Props, assets bundler) images {
	c := p.Config
	made := images{repository: newRepository(scope), project: c.ImageBuildProject}
	if made.project == "" { // image: labels are refused then; the fleet's own images are built all the same
		made.project = c.FleetName + "-images"
	}
	var source awss3assets.Asset
	source, made.sources = newBuildSource(scope, p, assets)
	logs := newLogGroup(scope, "BuildLogs", deployment.BuildLogGroup(c.FleetName), c)
	made.logs = logs.LogGroupArn()
	about := pulls(scope, c)
	about.repository, about.ownLogs = made.repository.RepositoryArn(), made.logs
	about.buildSource, about.assetBucket = source.Bucket().ArnForObjects(source.S3ObjectKey()), source.Bucket().BucketArn()
	role := newRole(scope, "BuildRole", grants.RoleBuild, "codebuild.amazonaws.com", about)

	for _, m := range machines(c, made.project) {
		made.builders = append(made.builders, newProject(scope, c, m, source, made.repository, role.RoleArn(), logs.LogGroupName()))
		made.projects = append(made.projects, m.project)
		made.arns = append(made.arns, stackOf(scope).FormatArn(&awscdk.ArnComponents{
			Service: jsii.String("codebuild"), Resource: jsii.String("project"), ResourceName: jsii.String(m.project),
		}))
	}
	return made
}

// pulls are the ARNs of what builds pull base images from with a login: none, unless the
// configuration names them.
func pulls(scope constructs.Construct, c Config) arns {
	from := arns{baseImages: *texts(c.BaseImageRepositories...)}
	if id, given := c.DockerHubCredentials.AWSSecret(); given {
		from.dockerHub = secretARNs(scope, jsii.String(id))
	}
	if account, region, path, ok := c.ECRCache(); ok {
		from.dockerHubCache = append(from.dockerHubCache, stackOf(scope).FormatArn(&awscdk.ArnComponents{
			Service: jsii.String("ecr"), Region: jsii.String(region), Account: jsii.String(account), Resource: jsii.String("repository"), ResourceName: jsii.String(path + "/*"),
		}))
	}
	return from
}

// machine is what builds images of a kind for one architecture.
type machine struct {
	id, project, kind, image string
	minutes                  int // a build's longest time
	atOnce                   int // the most builds at a time, 0 leaves that to CodeBuild
}

// machines are those of a fleet's projects. What jobs name is built in projects of its own,
// which never keep a layer from one build for the next: one base image would be in the
// other's way, and a hostile one in its image.
func machines(c Config, project string) (all []machine) {
	kinds := []fleet.ImageKind{fleet.BaseImage}
	if c.ImageBuildProject != "" {
		kinds = append(kinds, fleet.OnDemandImage)
	}
	archs := []fleet.Arch{fleet.X64}
	if hasARM(c) {
		archs = append(archs, fleet.ARM64)
	}
	for _, arch := range archs {
		for _, kind := range kinds {
			m := machine{
				id: "Build", project: deployment.ProjectOf(project, fleet.ImageSpec{Kind: kind, Arch: arch}),
				kind: "LINUX_CONTAINER", image: "aws/codebuild/amazonlinux-x86_64-standard:5.0", minutes: buildMinutes(c.Limits.Build),
			}
			if kind == fleet.OnDemandImage {
				m.id, m.minutes, m.atOnce = m.id+"OnDemand", buildMinutes(c.Limits.OnDemandBuild), c.OnDemandBuildsAtOnce
			}
			if arch == fleet.ARM64 {
				m.id, m.kind, m.image = m.id+"Arm64", "ARM_CONTAINER", "aws/codebuild/amazonlinux-aarch64-standard:3.0"
			}
			all = append(all, m)
		}
	}
	return all
}

func newProject(scope constructs.Construct, c Config, m machine, source awss3assets.Asset, repository awsecr.Repository, roleARN, logGroup *string) awscodebuild.CfnProject {
	variable := func(name string, value *string) *awscodebuild.CfnProject_EnvironmentVariableProperty {
		return &awscodebuild.CfnProject_EnvironmentVariableProperty{Name: jsii.String(name), Value: value, Type: jsii.String("PLAINTEXT")}
	}
	variables := []*awscodebuild.CfnProject_EnvironmentVariableProperty{
		variable("IMAGE_REPOSITORY", repository.RepositoryUri()),
		variable("RUNNER_VERSION", jsii.String(c.RunnerVersion)),
		variable("FLEET_NAME", jsii.String(c.FleetName)),
		variable("DEFAULT_BASE", jsii.String(c.RunnerBaseImage)),
		variable("SUDO", jsii.String(strconv.FormatBool(c.RunnerSudo))),
		variable("IMAGE_COMPRESSION", jsii.String(string(c.ImageCompression))),
		variable("SOCI_INDEX", jsii.String(strconv.FormatBool(c.SOCIIndex))),
	}
	dockerHub, _ := c.DockerHubCredentials.AWSSecret()
	for _, optional := range []struct{ name, value string }{
		{"DOCKER_HUB_MIRROR", c.DockerHubMirror}, {"DOCKER_HUB_SECRET", dockerHub}, {"PULL_REGISTRIES", strings.Join(c.PrivateRegistries(), " ")},
		{"NAMED_REPOSITORIES", strings.Join(fleet.NamedRepositories(c.Policy().Registries), " ")},
	} {
		if optional.value != "" {
			variables = append(variables, variable(optional.name, jsii.String(optional.value)))
		}
	}
	var atOnce *float64
	if m.atOnce > 0 {
		atOnce = jsii.Number(m.atOnce)
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
		ConcurrentBuildLimit:   atOnce,
		TimeoutInMinutes:       jsii.Number(m.minutes),
		QueuedTimeoutInMinutes: jsii.Number(fleet.BuildQueue.Minutes()),
	})
	source.AddResourceMetadata(project, jsii.String("Source.Location"))
	return project
}

// buildMinutes is a limit in whole minutes; CodeBuild knows no less than five.
func buildMinutes(limit time.Duration) int { return max(5, int(limit.Minutes())) }

#!/usr/bin/env bash
# build.sh builds one revision of a runner image and pushes it. On standard output it
# prints the image's digest, the version of GitHub's runner in it, what its entrypoint
# can show at its claim (identity or nothing), and how many bytes are pulled of it; all talk
# goes to standard error. What fails
# is said last, in one line that begins with "ecsrunner: ", or with
# "ecsrunner: try again: " if it passes by itself.
#
#   IMAGE_TAG          content tag, 32 hexadecimal digits
#   IMAGE_REVISION     its number: the image is pushed as <tag>-<number>
#   IMAGE_KIND         base, extra or on_demand
#   IMAGE_ARCH         x64 or arm64
#   BASE_IMAGE         on_demand: the image that a job asked for
#   IMAGE_LABEL        extra: the label, and the folder below extra/
#   IMAGE_SOURCE       what the image is to be made of: its hash in sources.json
#   PUBLISH_TAG        base: a further tag, by which it is found
#   IMAGE_REPOSITORY   where to: a repository of ECR, by its URI
#   RUNNER_VERSION     of GitHub's runner: latest, or one such as 2.329.0
#   RUNNER_RELEASE     what latest is, if the fleet knows it
#   RUNNER_SHA256      checksum of that release's archive, if the fleet knows it
#   DEFAULT_BASE       what the base image is made from
#   SUDO               true or false: whether jobs may be root
#   IMAGE_COMPRESSION  of layers: gzip or zstd
#   SOCI_INDEX         true or false: whether the image gets a SOCI index
#   DOCKER_HUB_MIRROR  where images of Docker Hub are pulled from instead
#   DOCKER_HUB_SECRET  secret with the credentials of Docker Hub
#   PULL_REGISTRIES    registries of ECR that base images are pulled from with a login
#   NAMED_REPOSITORIES repositories, or beginnings of their names with /* behind them, whose
#                      images jobs get with those logins and by that mirror
#
# The values come from strangers' workflows. Each has to match its pattern as a
# whole, and is only ever one argument of a program.
set -euo pipefail
LC_ALL=C # a range of letters has no others in it

fail() { echo "ecsrunner: $1" >&2; exit 1; }

# later SENTENCE fails for a reason that passes by itself.
later() { fail "try again: $1"; }

# check NAME PATTERN refuses a variable that does not match as a whole.
check() {
  local value=${!1-}
  [[ $value =~ ^($2)$ ]] || fail "$1 is not what it must be; the build was not started by the fleet"
}

# check_given NAME PATTERN does so if there is a value.
check_given() { [ -z "${!1}" ] || check "$1" "$2"; }

: "${RUNNER_VERSION:=latest}" "${RUNNER_RELEASE=}" "${RUNNER_SHA256=}" "${IMAGE_SOURCE=}" "${DEFAULT_BASE:=public.ecr.aws/ubuntu/ubuntu:24.04}" "${SUDO:=true}"
: "${IMAGE_COMPRESSION:=gzip}" "${SOCI_INDEX:=false}"
: "${DOCKER_HUB_MIRROR=}" "${DOCKER_HUB_SECRET=}" "${PULL_REGISTRIES=}" "${NAMED_REPOSITORIES=}"
reference='[a-z0-9][A-Za-z0-9._:/@-]{0,254}'
registry='[0-9]{12}\.dkr\.ecr\.[a-z0-9-]+\.amazonaws\.com(\.cn)?'
repositories='[a-z0-9][a-z0-9.-]{0,252}(:[0-9]{1,5})?(/[a-z0-9][a-z0-9._-]*)*/([a-z0-9][a-z0-9._-]*|\*)'
version='[0-9]+\.[0-9]+\.[0-9]+'
check IMAGE_TAG '[0-9a-f]{32}'
check IMAGE_REVISION '[1-9][0-9]{0,8}'
check IMAGE_KIND 'base|extra|on_demand'
check IMAGE_ARCH 'x64|arm64'
check IMAGE_REPOSITORY "$registry/[a-z0-9][a-z0-9._/-]{0,254}"
check RUNNER_VERSION "latest|$version"
check_given IMAGE_SOURCE '[0-9a-f]{16}'
check_given RUNNER_RELEASE "$version"
check_given RUNNER_SHA256 '[0-9a-f]{64}'
check DEFAULT_BASE "$reference"
check SUDO 'true|false'
check IMAGE_COMPRESSION 'gzip|zstd'
check SOCI_INDEX 'true|false'
check_given DOCKER_HUB_MIRROR '[a-z0-9][a-z0-9.-]*(:[0-9]{1,5})?(/[a-z0-9][a-z0-9._-]*)*'
check_given DOCKER_HUB_SECRET '[A-Za-z0-9/_+=.@!][A-Za-z0-9/_+=.@!:-]{0,511}'
check_given PULL_REGISTRIES "$registry( $registry)*"
check_given NAMED_REPOSITORIES "$repositories( $repositories)*"
case $IMAGE_KIND in
  on_demand) check BASE_IMAGE "$reference" ;;
  extra)
    check IMAGE_LABEL '[A-Za-z0-9_][A-Za-z0-9_.+/-]{0,254}'
    [[ /$IMAGE_LABEL/ != */../* ]] || fail "IMAGE_LABEL is not what it must be; the build was not started by the fleet"
    ;;
  base) check PUBLISH_TAG '[A-Za-z0-9_][A-Za-z0-9_.-]{0,127}' ;;
esac

# A deployment changes this build and the fleet one after the other. An image has the tag
# of what it is made of: what is here may not be pushed under another's.
made_of=$IMAGE_KIND:$IMAGE_ARCH
[ "$IMAGE_KIND" != extra ] || made_of=extra:$IMAGE_LABEL:$IMAGE_ARCH
[[ -n $IMAGE_SOURCE && $(jq -r --arg key "$made_of" '.[$key] // ""' sources.json) == "$IMAGE_SOURCE" ]] ||
  later "the image is ordered from other files than this build has: a deployment is under way; deploy again if that does not help"

# passes SAID ABOUT: does a failure pass by itself, by what was said about something? What
# is in the name of that, which docker repeats in more than one form, is no sign.
# The fleet has the same list, in internal/fleet/passing.go.
passes() {
  local said=${1,,} about=${2,,} sign
  for sign in 'toomanyrequests' 'too many requests' 'rate limit' 'rate exceeded' \
    'internal server error' 'bad gateway' 'service unavailable' 'gateway timeout' 'gateway time-out' \
    'timeout' 'timed out' 'deadline exceeded' 'connection refused' 'connection reset' 'no such host' 'temporary failure' 'unexpected eof'; do
    [[ $said != *"$sign"* || $about == *"$sign"* ]] || return 0
  done
  return 1
}

# Seconds before something is tried again that may pass. After the last one the build
# ends, and the fleet starts another.
pauses='5 20 60'

# find_release sets RUNNER_RELEASE and RUNNER_SHA256, which GitHub is asked for if the
# fleet has not said. A pinned version wins over what the fleet knows of the latest.
find_release() {
  local wanted=$RUNNER_VERSION url=https://api.github.com/repos/actions/runner/releases said found status pause
  [ "$wanted" != latest ] || wanted=${RUNNER_RELEASE:-latest}
  [[ $wanted != "$RUNNER_RELEASE" || -z $RUNNER_SHA256 ]] || return 0
  if [ "$wanted" = latest ]; then url+=/latest; else url+=/tags/v$wanted; fi
  for pause in $pauses ''; do
    said=$(curl -sSL --proto =https --max-time 60 --write-out '\n%{http_code}' "$url") || said=$'\n000'
    status=${said##*$'\n'}
    case $status in
      200) break ;;
      404) fail "GitHub has no runner version $wanted: set runner_version to one of github.com/actions/runner/releases" ;;
    esac
    [ -n "$pause" ] || later "GitHub does not say what runner version $wanted is (status $status)"
    sleep "$pause"
  done
  said=${said%$'\n'*}
  # shellcheck disable=SC2016 # the variables are jq's
  found=$(jq -r --arg arch "$IMAGE_ARCH" '(.tag_name | ltrimstr("v")) as $version | .assets[]
    | select(.name == "actions-runner-linux-\($arch)-\($version).tar.gz") | "\($version) \(.digest)"' <<<"$said") || found=
  [[ $found =~ ^($version)\ sha256:([0-9a-f]{64})$ ]] ||
    fail "GitHub gives no checksum of runner version $wanted for $IMAGE_ARCH: set runner_version to another version"
  RUNNER_RELEASE=${BASH_REMATCH[1]} RUNNER_SHA256=${BASH_REMATCH[2]}
  [[ $wanted == latest || $wanted == "$RUNNER_RELEASE" ]] || fail "GitHub gives runner version $RUNNER_RELEASE for $wanted: build again"
}

# A mirror in ECR, such as a pull-through cache, wants a login as well.
[[ ! ${DOCKER_HUB_MIRROR%%/*} =~ ^($registry)$ ]] || PULL_REGISTRIES+=" ${DOCKER_HUB_MIRROR%%/*}"

# ecr_login REGISTRY logs in to a registry of ECR, in its own region.
ecr_login() {
  local region
  IFS=. read -r _ _ _ region _ <<<"$1"
  aws ecr get-login-password --region "$region" | docker login --username AWS --password-stdin "$1" >&2
}

public_login=
# public_ecr_login logs in to the public registry of ECR, which gives more to whom it knows
# (https://docs.aws.amazon.com/AmazonECR/latest/public/public-registry-auth.html). Where AWS
# has none, pulls go on without.
public_ecr_login() {
  [ -z "$public_login" ] || return 0
  public_login=done
  aws ecr-public get-login-password --region us-east-1 | docker login --username AWS --password-stdin public.ecr.aws >&2 ||
    echo "no login to public.ecr.aws: it takes fewer pulls from here" >&2
}

docker_hub_login() {
  local secret user token
  secret=$(aws secretsmanager get-secret-value --secret-id "$DOCKER_HUB_SECRET" --query SecretString --output text) ||
    fail "the secret of docker_hub_credentials cannot be read: is it there, in the fleet's region?"
  if ! user=$(jq -er '.username | strings' <<<"$secret") || ! token=$(jq -er '.accessToken | strings' <<<"$secret"); then
    fail 'the secret of docker_hub_credentials has another form than {"username": "…", "accessToken": "…"}'
  fi
  printf '%s' "$token" | docker login --username "$user" --password-stdin >&2 ||
    fail "Docker Hub does not take the credentials of docker_hub_credentials: is the access token still valid?"
}

# fetch IMAGE pulls an image, after pauses if need be, and leaves what docker said in said.
fetch() {
  local pause
  echo "pulling $1" >&2
  for pause in $pauses ''; do
    ! said=$(docker pull --quiet "$1" 2>&1) || return 0
    echo "$said" >&2
    passes "$said" "$1" && [ -n "$pause" ] || return 1
    sleep "$pause"
  done
}

# fetch_cached IMAGE pulls an image of Docker Hub by way of the mirror. A pull-through cache
# of ECR imports by tag alone (https://github.com/aws/containers-roadmap/issues/2837): what
# has a digest comes by its tag first, and from Docker Hub itself if that does not help.
fetch_cached() {
  local tagged=${1%@*}
  from=$DOCKER_HUB_MIRROR/${1#docker.io/}
  if fetch "$from"; then return; fi
  [[ $1 == *@* ]] && ! passes "$said" "$from" || return 1
  if [[ ${tagged##*/} == *:* ]] && fetch "${from%@*}" && fetch "$from"; then return; fi
  from=$1
  [ -z "$DOCKER_HUB_SECRET" ] || docker_hub_login
  fetch "$from"
}

# named IMAGE: may the image be pulled in the fleet's name, with its credentials and by its
# mirror? The configuration's own may, and what jobs ask for if allowed_registries names its
# repository and not only its host: whoever runs workflows would else run in every private
# image that the fleet can pull. Docker Hub's library has none.
named() {
  local repository=${1%%@*} pattern patterns
  [ "$IMAGE_KIND" = on_demand ] || return 0
  [[ ${repository##*/} != *:* ]] || repository=${repository%:*}
  read -ra patterns <<<"docker.io/library/* $NAMED_REPOSITORIES"
  for pattern in "${patterns[@]}"; do
    case $pattern in
      */\*) [[ $repository != "${pattern%\*}"?* ]] || return 0 ;;
      *) [ "$repository" != "$pattern" ] || return 0 ;;
    esac
  done
  return 1
}

# pull IMAGE NAME fetches an image of this build's architecture, and gives it a name
# under which a builder finds it on this machine and nowhere else.
pull() {
  local from=$1 host=${1%%/*} said='' found id of fetch=fetch
  if named "$1"; then
    if [[ $host == docker.io && -n $DOCKER_HUB_MIRROR ]]; then
      fetch=fetch_cached host=${DOCKER_HUB_MIRROR%%/*}
    fi
    if [[ " $PULL_REGISTRIES " == *" $host "* ]]; then
      ecr_login "$host" || fail "ECR does not let the build log in to $host"
    elif [[ $host == docker.io && -n $DOCKER_HUB_SECRET ]]; then
      docker_hub_login
    fi
  fi
  [ "$host" != public.ecr.aws ] || public_ecr_login
  if ! $fetch "$from"; then
    case $said in
      *toomanyrequests* | *"rate limit"*) ! passes "$said" "$from" || later "${from%%/*} takes no more pulls from here for now; with docker_hub_mirror or docker_hub_credentials Docker Hub takes more" ;;
      *"no matching manifest"*) fail "the image $from is not there for $IMAGE_ARCH: name one that is, or a class with another arch" ;;
      *"no basic auth"*) fail "the image $from cannot be pulled without a login: add its repository to base_image_repositories" ;;
    esac
    ! passes "$said" "$from" || later "the image $from cannot be pulled just now: ${said##*$'\n'}"
    fail "the image $from cannot be pulled: ${said##*$'\n'}"
  fi
  found=$(docker image inspect --format '{{.Id}} {{.Architecture}}' "$from")
  id=${found% *} of=${found#* }
  [ "$of" != amd64 ] || of=x64
  [ "$of" = "$IMAGE_ARCH" ] ||
    fail "the image $1 is for $of, and the class of the job is $IMAGE_ARCH: name an image for $IMAGE_ARCH, or a class with arch: $of"
  docker tag "$id" "$2"
}

# refuse_onbuild refuses a base image that a job asks for if it runs instructions of its own
# in every build that begins from it (ONBUILD): an ADD among them is done by the engine
# itself, with this machine's network and images.
refuse_onbuild() {
  local instructions
  instructions=$(docker image inspect --format '{{range .Config.OnBuild}}{{println .}}{{end}}' "$base") ||
    fail "docker does not say whether the image $BASE_IMAGE has ONBUILD instructions: build again"
  [ -z "$instructions" ] ||
    fail "the image $BASE_IMAGE runs instructions of its own in each build that begins from it (ONBUILD), which the fleet does for no image that a job names: name one without, or have an operator add it to extra_runner_images"
}

# The addresses that give out this build's credentials. They are of no use without a secret
# path, which no step is told.
# https://docs.aws.amazon.com/sdkref/latest/guide/feature-container-credentials.html
givers='169.254.170.2 169.254.169.254'

# keep CHAIN keeps what passes a chain from those addresses: by REJECT, or where the kernel
# has not that by DROP, as Docker's own rules do.
keep() {
  local address jump
  for address in $givers; do
    for jump in REJECT DROP; do
      if iptables --wait --insert "$1" --destination "$address" --protocol tcp --dport 80 --jump "$jump" >&2; then
        [ "$1" != OUTPUT ] || builder_rules+=("$address $jump")
        continue 2
      fi
    done
    echo "iptables refuses a rule that keeps $1 from $address" >&2
  done
}

# fence keeps what a Dockerfile runs from those addresses, and while it is built the engine
# too, which does an ADD by itself. Whether that holds is tried, by a step of a build.
builder_rules=()
fence() {
  local chain=FORWARD
  if command -v iptables >/dev/null; then
    if iptables --wait --numeric --list DOCKER-USER >/dev/null 2>&1; then chain=DOCKER-USER; fi
    keep "$chain"
    keep OUTPUT
  else
    echo "no iptables" >&2
  fi
  if docker_build --label ecsrunner.fence=true - >"$work/log" 2>&1 <<TRIAL
FROM $builder
USER 0
SHELL ["/bin/bash", "-c"]
RUN for address in $givers; do ! timeout 5 bash -c "</dev/tcp/\$address/80" || exit 1; done
TRIAL
  then
    echo "steps of this build cannot reach the addresses of AWS's credentials" >&2
  else
    cat "$work/log" >&2
    echo "warning: steps of this build can reach the addresses of AWS's credentials, or that could not be tried" >&2
  fi
}

# unfence lets this machine reach them again: the push needs a login.
unfence() {
  local rule
  for rule in ${builder_rules[@]+"${builder_rules[@]}"}; do
    iptables --wait --delete OUTPUT --destination "${rule% *}" --protocol tcp --dport 80 --jump "${rule#* }" >&2 ||
      echo "this build is still kept from AWS's credentials: iptables does not delete a rule" >&2
  done
  builder_rules=()
}

# docker_build ARGUMENTS… runs docker build without any credentials, a registry's or AWS's.
docker_build() { env -i PATH="$PATH" HOME="$work/home" DOCKER_CONFIG="$work/home" docker build "$@"; }

# build WHAT ARGUMENTS… builds. If that fails, the reason is what one of its steps said for
# this, or else its last line; that it passes by itself is for this script to say.
build() {
  local what=$1 why
  shift
  docker_build --label "ecsrunner.image=$IMAGE_TAG" "$@" 2>&1 | tee "$work/log" >&2 && return
  # Builders put a step's number and the seconds before its words.
  why=$(sed -nE 's/^(#[0-9]+ )?([0-9]+\.[0-9]+ )?ecsrunner: //p' "$work/log" | tail -n 1)
  # shellcheck disable=SC2016 # the $ is sed's
  why=${why#try again: }
  fail "${why:-$what cannot be built: $(sed -n '/[^[:space:]]/h; ${x;p;}' "$work/log")}"
}

# layer WHAT BASE NAME puts the runner on top of an image.
layer() {
  build "$1" --build-arg "BASE_IMAGE=$2" --build-arg "BUILDER_IMAGE=$builder" --build-arg "ECSRUNNER_ARCH=$arch" --build-arg "ECSRUNNER_RUNNER_ARCH=$IMAGE_ARCH" \
    --build-arg "ECSRUNNER_VERSION=$RUNNER_RELEASE" --build-arg "ECSRUNNER_SHA256=$RUNNER_SHA256" --build-arg "ECSRUNNER_SUDO=$SUDO" \
    --tag "$3" --file "$work/context/Dockerfile" "$work/context"
}

# publish TAG… pushes the image by our own program: docker pushes no zstd and no index. It
# prints the digest and the size. Where tags cannot change, a build that was first has
# pushed the same.
publish() {
  local said tag tags=()
  for tag; do tags+=(-tag "$tag"); done
  docker save --output "$work/image.tar" "$image" >&2 || fail "docker does not save the image that was built: build again"
  # The layers are on the disk twice more meanwhile, beside the engine.
  if TMPDIR=$work "./publish-$arch" -image "$work/image.tar" -to "$IMAGE_REPOSITORY" "${tags[@]}" -compression "$IMAGE_COMPRESSION" "-soci=$SOCI_INDEX" 2>"$work/log"; then
    cat "$work/log" >&2
    return
  fi
  cat "$work/log" >&2
  said=$(tail -n 1 "$work/log")
  ! passes "$said" "$IMAGE_REPOSITORY" || later "the image cannot be pushed to $IMAGE_REPOSITORY just now: $said"
  fail "the image cannot be pushed to $IMAGE_REPOSITORY: $said"
}

work=$(mktemp -d)
trap 'unfence; rm -rf "$work"' EXIT
mkdir "$work/home" "$work/context"
arch=amd64
[ "$IMAGE_ARCH" = x64 ] || arch=arm64
# A base image can have COPY for whoever builds on it (ONBUILD): it gets no more than
# this, and no other image's folder.
cp Dockerfile install.sh "entrypoint-$arch" "$work/context"
chmod 0755 "$work/context/entrypoint-$arch" "publish-$arch"
find_release

# No registry has names below this host (RFC 2606): what is not here is nowhere.
here=ecsrunner.invalid
base=$here/base:pulled builder=$here/builder:pulled image=$here/runner:built
[ "$IMAGE_KIND" = on_demand ] || BASE_IMAGE=$DEFAULT_BASE
export DOCKER_CONFIG=$work/credentials
pull "$BASE_IMAGE" "$base"
[ "$IMAGE_KIND" != on_demand ] || refuse_onbuild
pull public.ecr.aws/ubuntu/ubuntu:24.04 "$builder"
rm -rf "$DOCKER_CONFIG"
fence

case $IMAGE_KIND in
  base | on_demand) layer "an image on top of $BASE_IMAGE" "$base" "$image" ;;
  extra)
    folder=extra/$IMAGE_LABEL what="the image of the label $IMAGE_LABEL"
    layer "the base image" "$base" "$here/runner:base"
    build "$what" --build-arg "RUNNER_BASE=$here/runner:base" --tag "$here/extra:built" --file "$folder/$(cat "$folder/.dockerfile")" "$folder"
    # One that begins from RUNNER_BASE has the runner. Its Dockerfile may have ended as
    # another user, or with another entrypoint.
    if [ "$(docker image inspect --format '{{index .Config.Labels "ecsrunner.runner"}}' "$here/extra:built")" = true ]; then
      build "$what" --build-arg "BASE_IMAGE=$here/extra:built" --tag "$image" - <Dockerfile.again
    else
      layer "$what" "$here/extra:built" "$image"
    fi
    ;;
esac

# The login to push comes after the build: what a Dockerfile ran is gone by now.
unfence
ecr_login "${IMAGE_REPOSITORY%%/*}" || fail "ECR does not let the build log in to ${IMAGE_REPOSITORY%%/*}"
tags=("$IMAGE_TAG-$IMAGE_REVISION")
[ "$IMAGE_KIND" != base ] || tags+=("$PUBLISH_TAG")
published=$(publish "${tags[@]}")
[[ $published =~ ^(sha256:[0-9a-f]{64})\ ([0-9]{1,15})$ ]] || fail "the image was pushed, and its digest is not known: build again"
digest=${BASH_REMATCH[1]} size=${BASH_REMATCH[2]}
# An extra image may come from a runner image of an earlier release.
claim=$(docker image inspect --format '{{index .Config.Labels "ecsrunner.claim"}}' "$image")
[ "$claim" = identity ] || claim=nothing
printf '%s %s %s %s\n' "$digest" "$RUNNER_RELEASE" "$claim" "$size"

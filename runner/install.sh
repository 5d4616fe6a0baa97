#!/bin/sh
# install.sh prepares a base image for GitHub's runner: what the runner needs of the
# system, git, curl and certificates, what popular actions call, the user runner, and a
# word about docker. Its only argument is whether the user gets sudo without a password.
#
# What cannot work ends here, in one sentence that begins with "ecsrunner: ".
set -eu

fail() { echo "ecsrunner: $1" >&2; exit 1; }

# What the runner's .NET needs, by package manager
# (https://github.com/actions/runner/blob/main/docs/start/envlinux.md). ICU and some
# others have their version in their name: the newest that there is counts.
if command -v apt-get >/dev/null; then
  export DEBIAN_FRONTEND=noninteractive
  apt-get update -q || fail "the package lists of the base image cannot be read: is it out of support, or does the build have no way to its archive?"
  newest() { apt-cache pkgnames "$1" | grep -E "^$1$2\$" | sort -V | tail -n 1; }
  icu=$(newest libicu '[0-9]+')
  ssl=$(newest libssl '[0-9.]+(t64)?')
  lttng=$(newest liblttng-ust '[0-9]+(t64)?')
  [ -n "$icu" ] && [ -n "$ssl" ] || fail "the base image's archive has no libicu or libssl, which GitHub's runner needs: use a newer base image"
  packages="$icu $ssl $lttng libkrb5-3 zlib1g ca-certificates curl git"
  tools='unzip:unzip zip:zip xz:xz-utils zstd:zstd bzip2:bzip2 jq:jq ssh:openssh-client gpg:gpg gpg-agent:gpg-agent lsb_release:lsb-release file:file wget:wget rsync:rsync python3:python3'
  install() { apt-get install -y -q --no-install-recommends "$@"; }
elif command -v dnf >/dev/null || command -v microdnf >/dev/null || command -v yum >/dev/null; then
  manager=$(command -v dnf || command -v microdnf || command -v yum)
  packages='libicu krb5-libs zlib openssl-libs ca-certificates git tar gzip findutils shadow-utils'
  tools='unzip:unzip zip:zip xz:xz zstd:zstd bzip2:bzip2 jq:jq ssh:openssh-clients gpg:gnupg2 file:file wget:wget rsync:rsync python3:python3'
  # Some have a smaller curl, which the whole one must not replace.
  command -v curl >/dev/null || packages="$packages curl"
  install() { "$manager" install -y "$@"; }
elif command -v zypper >/dev/null; then
  zypper --non-interactive refresh || fail "the package lists of the base image cannot be read: is it out of support, or does the build have no way to its archive?"
  icu=$(zypper --non-interactive --quiet search --match-exact 'libicu*' 2>/dev/null | grep -oE 'libicu(-suse65_1|[0-9]+)' | sort -V | tail -n 1)
  packages="${icu:-libicu} libopenssl3 krb5 libz1 ca-certificates curl git tar gzip shadow"
  tools='unzip:unzip zip:zip xz:xz zstd:zstd bzip2:bzip2 jq:jq ssh:openssh-clients gpg:gpg2 lsb_release:lsb-release file:file wget:wget rsync:rsync python3:python3'
  install() { zypper --non-interactive install --no-recommends "$@"; }
else
  fail "the base image has none of apt-get, dnf, microdnf, yum and zypper, by which the runner's dependencies are installed"
fi
[ "$1" != true ] || packages="$packages sudo"
# shellcheck disable=SC2086 # the packages are words
install $packages || fail "the packages that the runner needs cannot be installed ($packages); the lines above say why"

# What popular actions call (docs/images.md has which), by command and package. A base that
# has one keeps it; what its archive does not have is left out, and the build goes on.
wanted=
for tool in $tools; do
  command -v "${tool%%:*}" >/dev/null || wanted="$wanted ${tool#*:}"
done
# shellcheck disable=SC2086 # the packages are words
if [ -n "$wanted" ] && ! install $wanted; then
  for package in $wanted; do
    install "$package" || echo "left out, since the base image's archive does not give it: $package" >&2
  done
fi
rm -rf /var/lib/apt/lists/* /var/cache/apt/*.bin /var/cache/apt/archives/*.deb /var/cache/dnf /var/cache/libdnf5 /var/cache/yum /var/cache/zypp /var/log/apt /var/log/dnf* /var/log/zypp

# With the same number in every image, and that of GitHub's own runners, the runner's layer
# is the same in all of them.
id runner >/dev/null 2>&1 || useradd --uid 1001 --create-home --home-dir /home/runner --user-group --shell /bin/sh runner 2>/dev/null ||
  useradd --create-home --home-dir /home/runner --user-group --shell /bin/sh runner ||
  fail "the user runner cannot be made in the base image; the lines above say why"
grep -q '^runner:' /etc/group || groupadd runner || fail "the group runner cannot be made in the base image; the lines above say why"
mkdir -p /home/runner
chown runner:runner /home/runner
if [ "$1" = true ]; then
  mkdir -p /etc/sudoers.d
  echo 'runner ALL=(ALL) NOPASSWD:ALL' >/etc/sudoers.d/ecsrunner
  chmod 0440 /etc/sudoers.d/ecsrunner
fi

if ! command -v docker >/dev/null; then
  mkdir -p /usr/local/bin
  cat >/usr/local/bin/docker <<'SHIM'
#!/bin/sh
echo "docker: this runner is a container that has no container engine, so a job cannot build or start containers here: do that on a GitHub-hosted runner, or on a machine with an engine" >&2
exit 1
SHIM
  chmod 0755 /usr/local/bin/docker
fi

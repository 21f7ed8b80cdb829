# Shared by the scripts in this folder: saying, failing, installing. Sourced, never run.
# shellcheck shell=sh

say() {
    printf '%s: %s\n' "${0##*/}" "$*" >&2
}

die() {
    say "error: $1"
    shift
    for line in "$@"; do
        printf '    %s\n' "$line" >&2
    done
    exit 1
}

have() {
    command -v "$1" >/dev/null 2>&1
}

# The package manager of this system, or nothing when it is one that we do not know.
package_manager() {
    for manager in apt-get dnf apk pacman brew; do
        if have "$manager"; then
            echo "$manager"
            return
        fi
    done
}

# Can we install without asking anybody? brew refuses root and needs no rights of its own.
may_install() {
    case $1 in
    '') return 1 ;;
    brew) [ "$(id -u)" != 0 ] ;;
    *) [ "$(id -u)" = 0 ] || { have sudo && sudo -n true 2>/dev/null; } ;;
    esac
}

as_root() {
    if [ "$(id -u)" = 0 ]; then
        "$@" </dev/null
    else
        sudo -n "$@" </dev/null
    fi
}

# The command that a person would type to install $2... with the package manager $1.
install_command() {
    manager=$1
    shift
    case $manager in
    apt-get) echo "apt-get install --no-install-recommends $*" ;;
    dnf) echo "dnf install $*" ;;
    apk) echo "apk add $*" ;;
    pacman) echo "pacman -S $*" ;;
    brew) echo "brew install $*" ;;
    *) echo "(with your package manager) install $*" ;;
    esac
}

# Installs $2... with the package manager $1, after saying so. Its output goes to stderr.
install_packages() {
    manager=$1
    shift
    say "installing: $(install_command "$manager" "$@")"
    case $manager in
    apt-get)
        # A new machine has no package lists, an old one stale ones: fetch them when needed.
        apt_install "$@" || { as_root apt-get update -q && apt_install "$@"; }
        ;;
    dnf) as_root dnf install -y "$@" ;;
    apk) as_root apk add "$@" ;;
    pacman) as_root pacman -S --noconfirm --needed "$@" ;;
    brew) brew install "$@" </dev/null ;;
    esac >&2
}

apt_install() {
    as_root env DEBIAN_FRONTEND=noninteractive apt-get install -q -y --no-install-recommends "$@"
}

pip() {
    python3 -m pip --disable-pip-version-check "$@"
}

ensure_pip() {
    ! pip --version >/dev/null 2>&1 || return 0
    manager=$(package_manager)
    case $manager in
    apt-get | dnf) packages=python3-pip ;;
    apk) packages=py3-pip ;;
    pacman) packages=python-pip ;;
    *) packages=python3 ;;
    esac
    may_install "$manager" || die "python3 with pip is needed; as root:" \
        "$(install_command "$manager" "$packages")"
    install_packages "$manager" "$packages"
    pip --version >/dev/null || die "$packages came, but python3 -m pip does not work"
}

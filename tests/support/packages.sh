# Installs packages of the system. This file is sourced by tests/run, which defines `say`.

with_root() {
    if ((EUID == 0)); then
        "$@"
    elif command -v sudo >/dev/null; then
        sudo "$@"
    else
        say "installing packages needs root, and there is no sudo"
        return 1
    fi
}

# Installs a package, given its names for apt-get, dnf, apk, pacman and brew.
install_package() {
    local apt=$1 dnf=$2 apk=$3 pacman=$4 brew=$5
    if command -v apt-get >/dev/null; then
        with_root apt-get update -qq &&
            with_root env DEBIAN_FRONTEND=noninteractive \
                apt-get install -qq -y --no-install-recommends "$apt"
    elif command -v dnf >/dev/null; then
        with_root dnf install -q -y "$dnf"
    elif command -v apk >/dev/null; then
        with_root apk add --quiet "$apk"
    elif command -v pacman >/dev/null; then
        with_root pacman -Sy --noconfirm --needed "$pacman"
    elif command -v brew >/dev/null; then
        brew install --quiet "$brew"
    else
        say "none of apt-get, dnf, apk, pacman and brew is here"
        return 1
    fi >&2
}

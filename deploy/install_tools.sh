# shellcheck shell=sh disable=SC2154 # what install.sh has set: root, dry, scratch, checkout
# What the steps of install.sh are made of. Each looks first, and acts only where something is to do; each writes into
# the list of what was done before it does it, so that a power cut leaves nothing that --uninstall does not know of.

# ${root} is empty on the toy itself, and the folder of a mounted card otherwise. All paths below are the toy's own.
state_dir=/var/lib/pommai-install
changes=0

say() { printf 'install: %s\n' "$*"; }
log() { [ -n "$dry" ] || printf '%s %s\n' "$(date -u +%Y-%m-%dT%H:%M:%SZ)" "$*" >>"$root$state_dir/log"; }
step() { printf '\n%s\n' "$*"; }
same() { printf '  as it is   %s\n' "$*"; }

# Says that something is done, or would be. Always true.
change() {
    changes=$((changes + 1))
    if [ -n "$dry" ]; then
        printf '  would      %s\n' "$*"
    else
        printf '  now        %s\n' "$*"
        log "$*"
    fi
}

die() {
    printf 'install: %s\n' "$*" >&2
    exit 1
}

# Runs a command on the toy, quietly unless it fails.
on_toy() {
    [ -z "$dry" ] || return 0
    if [ -n "$root" ]; then
        set -- chroot "$root" "$@"
    fi
    if "$@" >"$scratch/output" 2>&1 </dev/null; then
        return 0
    fi
    sed 's/^/    /' "$scratch/output" >&2
    log "failed: $*"
    return 1
}

# What a command of the toy answers.
ask_toy() {
    if [ -n "$root" ]; then
        set -- chroot "$root" "$@"
    fi
    "$@" 2>/dev/null </dev/null
}

# The list of what was done, a line each: "file PATH", "changed PATH", "folder PATH", "package NAME", "user NAME", ...
done_before() { grep -qxF "$*" "$root$state_dir/done" 2>/dev/null; }
note() {
    [ -z "$dry" ] || return 0
    done_before "$*" || printf '%s\n' "$*" >>"$root$state_dir/done"
    sync "$root$state_dir/done" 2>/dev/null || sync
}

# A folder that is all ours, unless it was there before us.
note_tree() { [ -d "$root$1" ] || note "tree $1"; }

sum_of() { cksum <"$1" | tr ' ' -; }

# put_file NEW PATH MODE [OWNER]: the file at PATH becomes as NEW, at once or not at all. What was there is kept.
put_file() {
    path=$root$2
    if [ -f "$path" ] && cmp -s "$1" "$path"; then
        same "$2"
        return 0
    fi
    if [ -e "$path" ]; then
        change "change $2"
        diff -u "$path" "$1" | sed '1,2d; s/^/             /' || :
    else
        change "write $2"
    fi
    [ -z "$dry" ] || return 0
    put_folder "$(dirname "$2")"
    if ! done_before "file $2" && ! done_before "changed $2"; then
        if [ -e "$path" ]; then
            mkdir -p "$(dirname "$root$state_dir/backup$2")"
            cp -p "$path" "$root$state_dir/backup$2.part"
            sync
            mv "$root$state_dir/backup$2.part" "$root$state_dir/backup$2"
            note "changed $2"
        else
            note "file $2"
        fi
    fi
    cp "$1" "$path.part"
    chmod "$3" "$path.part" 2>/dev/null || : # a boot partition has no modes
    if [ -n "${4:-}" ]; then
        on_toy chown "$4" "$2.part"
    fi
    sync
    mv "$path.part" "$path"
    mkdir -p "$root$state_dir/sums"
    sum_of "$path" >"$root$state_dir/sums/$(printf '%s' "$2" | tr / _)"
}

put_folder() {
    [ -d "$root$1" ] && return 0
    [ "$1" = / ] || put_folder "$(dirname "$1")"
    note "folder $1"
    [ -n "$dry" ] || mkdir "$root$1"
}

# What the software is made of; one number for all of it.
sum_of_software() {
    (
        cd "$checkout"
        # Not what Python compiles meanwhile, under names of a moment.
        find pommai examples ./*.yaml pyproject.toml README.md LICENSE -name __pycache__ -prune -o -type f -exec cksum {} + |
            LC_ALL=C sort
    ) | cksum | tr ' ' -
}

# point_link NAME: from one moment to the next, unless an older install.sh has made a real folder of that name.
point_link() {
    link=$root/opt/pommai/$1
    [ -L "$link" ] || rm -rf "$link"
    ln -sfn venvs/installed "$link.new"
    mv -T "$link.new" "$link"
}

# The newest lines of the list first: what was done last is undone first.
undo_all() {
    [ -f "$root$state_dir/done" ] || die "nothing to undo: $state_dir/done is not there, so nothing was installed by this script"
    sed -n '1!G;h;$p' "$root$state_dir/done" >"$scratch/undo"
    while IFS= read -r line; do
        what=${line#* }
        case ${line%% *} in
            enabled)
                change "stop and disable $what"
                on_toy systemctl disable "$what" || :
                # With what a timer has started, too; in a chroot nothing runs.
                [ -n "$dry" ] || ask_toy systemctl stop "$what" "${what%.*}.service" >/dev/null || :
                ;;
            file)
                [ -e "$root$what" ] || continue
                change "delete $what"
                [ -n "$dry" ] || rm -f "$root$what"
                ;;
            changed) undo_change "$what" ;;
            tree)
                [ -e "$root$what" ] || continue
                change "delete $what and all in it"
                delete_tree "$what"
                ;;
            folder)
                [ -n "$dry" ] || rmdir "$root$what" 2>/dev/null || : # whoever has put something there keeps it
                ;;
            member)
                change "take pommai out of the group $what"
                on_toy gpasswd -d pommai "$what" || :
                ;;
            user)
                change "delete the user $what"
                on_toy userdel "$what" || :
                ;;
            group)
                grep -q "^$what:" "$root/etc/group" || continue # a user takes its own group along
                change "delete the group $what"
                on_toy groupdel "$what" || :
                ;;
            package) printf '%s\n' "$what" >>"$scratch/packages" ;;
        esac
    done <"$scratch/undo"
    undo_packages
    delete_tree "$state_dir"
}

# Only folders that are nobody else's, whatever may stand in the list.
delete_tree() {
    case $1 in
        *..*) ;;
        /opt/pommai* | /var/lib/pommai* | /var/cache/pommai* | /etc/pommai*) [ -n "$dry" ] || rm -rf "$root$1" ;;
    esac
}

# A file of somebody else's becomes as it was; where it was changed by others since, only what is ours is taken out.
undo_change() {
    path=$root$1
    sum=$root$state_dir/sums/$(printf '%s' "$1" | tr / _)
    kept=$root$state_dir/backup$1
    if [ -f "$path" ] && [ "$(sum_of "$path")" = "$(cat "$sum" 2>/dev/null)" ]; then
        change "put back $1 as it was"
        [ -n "$dry" ] || { cp -p "$kept" "$path.part" && sync && mv "$path.part" "$path"; }
    elif [ -f "$path" ] && grep -q '^# pommai begins' "$path"; then
        change "take the lines of pommai out of $1, which somebody has changed since"
        [ -n "$dry" ] || { without_block "$path" >"$path.part" && sync && mv "$path.part" "$path"; }
    else
        printf '  left       %s: somebody has changed it since; how it was before: %s\n' "$1" "$state_dir/backup$1"
        if [ -z "$dry" ]; then
            put_aside=$path.before-pommai
            cp -p "$kept" "$put_aside" 2>/dev/null && printf '             (kept as %s)\n' "${put_aside#"$root"}"
        fi
    fi
}

# put_back PATH: as it was before us, where an earlier run has set it for a HAT that is there no more.
put_back() {
    if done_before "changed $1"; then
        undo_change "$1"
    elif done_before "file $1"; then
        change "delete $1"
        [ -n "$dry" ] || rm -f "$root$1"
    else
        same "no HAT, nothing to set"
        return 0
    fi
    [ -z "$dry" ] || return 0
    grep -vxF -e "changed $1" -e "file $1" "$root$state_dir/done" >"$root$state_dir/done.part"
    sync
    mv "$root$state_dir/done.part" "$root$state_dir/done"
}

without_block() { sed '/^# pommai begins/,/^# pommai ends/d' "$1"; }

# Packages go only where nothing that came later needs them.
undo_packages() {
    [ -s "$scratch/packages" ] || return 0
    words=$(tr '\n' ' ' <"$scratch/packages")
    # shellcheck disable=SC2086 # a list of words
    ask_toy apt-get -s -q purge $words | sed -n 's/^\(Remv\|Purg\) \([^ ]*\).*/\2/p' | sed 's/:.*//' | sort -u >"$scratch/gone"
    others=$(sort -u "$scratch/packages" | comm -13 - "$scratch/gone" | tr '\n' ' ')
    if [ -n "$others" ]; then
        printf '  left       the packages that were installed: these need them now: %s\n' "$others"
        return 0
    fi
    change "remove the packages $words"
    # shellcheck disable=SC2086
    on_toy env DEBIAN_FRONTEND=noninteractive apt-get -q -y purge $words || :
}

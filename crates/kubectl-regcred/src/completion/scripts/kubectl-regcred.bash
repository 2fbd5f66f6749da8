# Completes kubectl-regcred in bash.

_kubectl_regcred() {
    # bash breaks words at = and : too, so they are taken from the line itself.
    local line=${COMP_LINE:0:COMP_POINT} current value before directive=4
    local -a words=() choices=()
    line=${line#*"$1"}
    read -ra words <<<"$line"
    if [[ -z $line || $line == *[[:space:]] ]]; then
        words+=('')
    fi
    current=${words[${#words[@]} - 1]}
    while IFS= read -r line; do
        case $line in
            :*) directive=${line#:} ;;
            *) choices+=("${line%%$'\t'*}") ;;
        esac
    done < <("$1" __complete "${words[@]}" 2>/dev/null)

    # What bash puts a choice in place of begins behind the last = or :.
    value=$current
    if [[ $current == --*=* ]]; then
        value=${current#*=}
        if [[ $COMP_WORDBREAKS != *=* ]]; then
            choices=("${choices[@]/#/${current%%=*}=}")
        fi
    fi
    if [[ $value == *:* && $COMP_WORDBREAKS == *:* ]]; then
        before=${value%"${value##*:}"}
        choices=("${choices[@]#"$before"}")
    fi
    COMPREPLY=("${choices[@]}")
    if ((directive & 2)); then
        compopt -o nospace 2>/dev/null
    fi
    if ! ((directive & 4)); then
        compopt -o default 2>/dev/null
    fi
}

complete -F _kubectl_regcred kubectl-regcred

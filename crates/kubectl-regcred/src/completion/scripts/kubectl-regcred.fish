# Completes kubectl-regcred in fish.

function __kubectl_regcred_complete
    set -l words (commandline -opc)
    set -l current (commandline -ct)
    # A flag's value comes without the flag, and fish wants both.
    set -l flag (string match -r -- '^--[^=]*=' "$current")
    for line in ($words[1] __complete $words[2..] "$current" 2>/dev/null)
        if string match -qr '^:[0-9]+$' -- $line
            set -l directive (string sub -s 2 -- $line)
            if test $directive -eq 0
                for path in (__fish_complete_path (string replace -- "$flag" '' "$current"))
                    echo "$flag$path"
                end
            end
        else
            echo "$flag$line"
        end
    end
end

complete -c kubectl-regcred -e
complete -c kubectl-regcred -f -a '(__kubectl_regcred_complete)'

;;; drive.el --- in a batch Emacs, what a user of eglot does  -*- lexical-binding: t; -*-

;; Opens a file, waits for its diagnostics, chooses an action and saves.  What to do is read from $JOB (JSON);
;; what was seen is written to the `report' that the job names.

(require 'package)
(package-initialize)
(require 'json)
(require 'cl-lib)
(require 'eglot)
(require 'flymake)

(defvar job (let ((json-array-type 'list)) (json-read-file (getenv "JOB"))))
(defvar seen nil)

(defun job (name) (alist-get name job))

(defun wait-until (what condition)
  (let ((end (+ (float-time) 15)))
    (while (not (funcall condition))
      (when (> (float-time) end) (error "waited in vain until %s" what))
      (accept-process-output nil 0.02))))

(defun described (diagnostic)
  (let ((begin (flymake-diagnostic-beg diagnostic)) (end (flymake-diagnostic-end diagnostic)))
    `((text . ,(flymake-diagnostic-text diagnostic))
      (line . ,(1- (line-number-at-pos begin)))
      (marked . ,(buffer-substring-no-properties begin end)))))

(defun drive ()
  (setq eglot-server-programs `((python-mode . ,(job 'command)))
        eglot-sync-connect 15
        eglot-events-buffer-size 0
        eglot-confirm-server-initiated-edits nil
        python-indent-guess-indent-offset nil
        create-lockfiles nil
        make-backup-files nil)
  (find-file (job 'file))
  (apply #'eglot (eglot--guess-contact))
  (let ((server (eglot-current-server)))
    (flymake-start)
    (wait-until "there are diagnostics" #'flymake-diagnostics)
    (push `(before . ,(vconcat (mapcar #'described (flymake-diagnostics)))) seen)
    (goto-char (flymake-diagnostic-beg (car (flymake-diagnostics))))
    (let ((tick (buffer-chars-modified-tick))
          (last-nonmenu-event t))
      (cl-letf (((symbol-function 'completing-read)
                 (lambda (_prompt items &rest _)
                   (push `(titles . ,(vconcat (mapcar #'car items))) seen)
                   (job 'choose))))
        (call-interactively #'eglot-code-actions))
      (wait-until "the action has changed the text"
                  (lambda () (> (buffer-chars-modified-tick) tick))))
    ;; A batch Emacs is never idle, so eglot tells of the change when the buffer is saved.
    (save-buffer)
    (wait-until "the diagnostics are gone" (lambda () (null (flymake-diagnostics))))
    (eglot-shutdown server)))

(condition-case problem
    (drive)
  (error (push `(problem . ,(error-message-string problem)) seen)))
(with-temp-file (job 'report) (insert (json-encode seen)))
(kill-emacs (if (assq 'problem seen) 1 0))
;;; drive.el ends here

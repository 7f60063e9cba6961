// What a static OpenCV refers to and nothing here ever calls (NAS_STATIC_OPENCV): LAPACK for its solvers, BLAS for its matrix products, GLX for its
// windows. Hidden, so that LibTorch's own of these names stay its own.
#include <cstdlib>

#define NAS_ABSENT(name) \
  extern "C" __attribute__((visibility("hidden"))) void name() { std::abort(); }
NAS_ABSENT(sgels_)
NAS_ABSENT(dgels_)
NAS_ABSENT(sgesv_)
NAS_ABSENT(dgesv_)
NAS_ABSENT(sposv_)
NAS_ABSENT(dposv_)
NAS_ABSENT(sgesdd_)
NAS_ABSENT(dgesdd_)
NAS_ABSENT(sgeqrf_)
NAS_ABSENT(dgeqrf_)
NAS_ABSENT(sgetrf_)
NAS_ABSENT(dgetrf_)
NAS_ABSENT(spotrf_)
NAS_ABSENT(dpotrf_)
NAS_ABSENT(cblas_sgemm)
NAS_ABSENT(cblas_dgemm)
NAS_ABSENT(cblas_cgemm)
NAS_ABSENT(cblas_zgemm)
NAS_ABSENT(glXGetProcAddressARB)
